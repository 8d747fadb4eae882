import { expect, test } from 'vitest'

import { lang } from '../../shared/i18n'
import type { ItemView } from '../../shared/protocol'
import { counts, givenText, neighbourOf, nextOpen, outside, photoMissing } from './checklist'

const item = (id: string, more: Partial<ItemView> = {}): ItemView =>
  ({ id, applies: true, required: false, verdict: null, photos: [], photos_required: 0, ...more }) as ItemView
const limits = (min: number | null, max: number | null, record_only = false) => ({ answer: { min, max, record_only } as ItemView['answer'] })

test('items that do not apply are neither open nor required', () => {
  const items = [item('a', { required: true }), item('b', { applies: false, required: true }), item('c', { verdict: 'fails' })]
  expect(counts(items)).toEqual({ all: 3, open: 1, fails: 1, required: 1 })
})

test('the next open item is looked for from here on and then from the top', () => {
  const items = [item('a'), item('b', { verdict: 'conforms' }), item('c')]
  expect([nextOpen(items, 'a'), nextOpen(items, 'c'), nextOpen(items, null)]).toEqual(['c', 'a', 'a'])
  expect(nextOpen([item('b', { verdict: 'na' })], null)).toBeNull()
})

test('arrows stop at both ends', () => {
  const items = [item('a'), item('b')]
  expect([neighbourOf(items, 'a', -1), neighbourOf(items, 'b', 1), neighbourOf(items, null, 1)]).toEqual(['a', 'b', 'a'])
})

test('a measured value is outside only where a limit is demanded', () => {
  expect([outside(limits(0, 8), 12), outside(limits(0, 8), 8), outside(limits(null, 8), -40)]).toEqual([true, false, false])
  expect([outside(limits(0, 8, true), 12), outside(limits(null, null), 12), outside(limits(0, 8), null)]).toEqual([null, null, null])
})

test('an answer is told by the label of what was chosen, in the reader language, and by its value where there is none', () => {
  const options = [{ value: 'none', label: '未招生', gloss: 'No enrolment' }, { value: 'bare', label: '已招生', gloss: '' }]
  const given = (more: Partial<ItemView>) => givenText(item('a', { answer: { unit: '℃', options } as ItemView['answer'], choice: null, measured: null, text_answer: null, ...more }))
  const all = () => [given({ choice: 'none' }), given({ choice: 'bare' }), given({ choice: 'gone' }), given({ measured: 12 }), given({ text_answer: '字' }), given({})]
  lang.value = 'zh'
  expect(all()).toEqual(['未招生', '已招生', 'gone', '12℃', '字', ''])
  lang.value = 'en'
  expect(all()).toEqual(['No enrolment', '已招生', 'gone', '12℃', '字', ''])
})

test('a photo is missing until all that are asked for are there', () => {
  expect(photoMissing(item('a', { photos_required: 2, photos: ['p'] }))).toBe(true)
  expect(photoMissing(item('a', { photos_required: 1, photos: ['p'] }))).toBe(false)
  expect(photoMissing(item('a', { photos_required: 1, verdict: 'na' }))).toBe(false)
})
