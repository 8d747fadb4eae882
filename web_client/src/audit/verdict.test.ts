import { expect, test } from 'vitest'

import { setLang } from '../shared/i18n'
import { partName, sheetOf, t } from './text'
import { readVerdict, worst } from './verdict'

test('one failing part fails the whole, one undecided leaves it undecided', () => {
  const part = (state: 'pass' | 'fail' | 'undecided') => ({ part: 'photos', state, reasons: [] })
  expect(worst([part('pass'), part('undecided'), part('fail')])).toBe('fail')
  expect(worst([part('pass'), part('undecided')])).toBe('undecided')
  expect(worst([part('pass'), part('pass')])).toBe('pass')
})

test('what cannot be read is never a pass', () => {
  expect(readVerdict({ parts: [{ part: 'photos', state: 'splendid' }] })?.state).toBe('undecided')
  expect(readVerdict({ parts: [{ part: 'photos' }] })?.state).toBe('undecided')
  expect(readVerdict(null)).toBeNull()
  expect(readVerdict({})).toBeNull()
})

test('a reason keeps both languages and its moment', () => {
  const read = readVerdict({
    sentence_zh: '不一致。', sentence_en: 'Differs.',
    parts: [{ part: 'recording', state: 'fail', reasons: [{ zh: '差1秒', en: '1 s differs', at_ms: 7000 }] }],
  })
  expect(read?.sentence).toEqual({ zh: '不一致。', en: 'Differs.' })
  expect(read?.parts[0]?.reasons[0]).toEqual({ zh: '差1秒', en: '1 s differs', at_ms: 7000 })
})

test('a record of the help service is called by its own paper', () => {
  setLang('zh')
  expect(partName('help', 'report')).toBe('记录单')
  expect(partName('inspection', 'report')).toBe('勘验单')
  expect(t('export.lead', sheetOf('help'))).toContain('记录单、')
})
