import { expect, test } from 'vitest'

import type { FindingView } from '../../schemas/api'
import { adviceFor } from './advice'

const of = (about: string, finding: string, leg = 'leg_a'): FindingView => ({ leg, about, finding, since: '2026-11-24T06:30:00Z' })

test('the gravest is said, one at a time', () => {
  expect(adviceFor([of('picture', 'covered'), of('sending', 'weak')], 'leg_a', false)).toBe('covered')
  expect(adviceFor([of('sending', 'weak'), of('picture', 'dark')], 'leg_a', false)).toBe('dark')
  expect(adviceFor([of('picture', 'blurred'), of('sending', 'weak')], 'leg_a', false)).toBe('weak')
  expect(adviceFor([of('picture', 'fast')], 'leg_a', false)).toBe('slow')
  expect(adviceFor([of('picture', 'blurred')], 'leg_a', false)).toBe('blurred')
})

test('nothing is advised where nothing helps', () => {
  expect(adviceFor([], 'leg_a', false)).toBeNull()
  expect(adviceFor(undefined, 'leg_a', false)).toBeNull()
  expect(adviceFor([of('picture', 'dark')], 'leg_a', true)).toBeNull()
  expect(adviceFor([of('picture', 'still'), of('receiving', 'weak')], 'leg_a', false)).toBeNull()
  expect(adviceFor([of('picture', 'dark', 'leg_b')], 'leg_a', false)).toBeNull()
})
