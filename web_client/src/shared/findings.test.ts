import { expect, test } from 'vitest'

import type { FindingView } from '../schemas/api'
import { findingWords, lineLevel, wrongWith } from './findings'
import { setLang } from './i18n'

const found: FindingView[] = [
  { leg: 'leg_a', about: 'picture', finding: 'dark', since: '2026-11-24T06:30:00Z' },
  { leg: 'leg_b', about: 'receiving', finding: 'weak', since: '2026-11-24T06:30:00Z' },
]

test('each leg and each matter has its own finding', () => {
  expect(wrongWith(found, 'leg_a', 'picture')).toBe('dark')
  expect(wrongWith(found, 'leg_a', 'sending')).toBeNull()
  expect(wrongWith(found, 'leg_b', 'receiving')).toBe('weak')
  expect(wrongWith(found, null, 'picture')).toBeNull()
  expect(wrongWith(undefined, 'leg_a', 'picture')).toBeNull()
})

test('the words are those of the record', () => {
  setLang('zh')
  expect(findingWords('dark')).toBe('偏暗')
  setLang('en')
  expect(findingWords('covered')).toBe('Lens covered')
  expect(findingWords('unheard of')).toBe('')
})

test('that a line is weak only the server says', () => {
  expect(lineLevel(true, 'good')).toBe('weak')
  expect(lineLevel(false, 'weak')).toBe('fair')
  expect(lineLevel(false, 'good')).toBe('good')
  expect(lineLevel(false, null)).toBeNull()
})
