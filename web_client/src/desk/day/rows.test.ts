import { expect, test } from 'vitest'

import type { CaseRow } from '../office'
import { actOf, matches, needsFirst, waitedMinutes } from './rows'

const row = (more: Partial<CaseRow>): CaseRow =>
  ({ number: '1', matter: '小餐饮登记', matter_gloss: 'Small catering', business_name: '青禾餐馆', applicant: '张*', lead: null, assist: null,
    phase: 'invited', waiting_since: null, scheduled_at: '2026-11-22T01:00:00Z', ...more }) as CaseRow

test('running comes first, then who waits longest, then what is to be signed', () => {
  const rows = [
    row({ number: 'later' }), row({ number: 'sign', phase: 'closing' }),
    row({ number: 'short', phase: 'waiting', waiting_since: '2026-11-22T01:09:00Z' }),
    row({ number: 'long', phase: 'waiting', waiting_since: '2026-11-22T01:01:00Z' }),
    row({ number: 'live', phase: 'interrupted' }),
  ]
  expect(rows.sort(needsFirst).map((one) => one.number)).toEqual(['live', 'long', 'short', 'sign', 'later'])
})

test('every word of the search must be found, in either language', () => {
  expect(matches(row({}), '青禾 CATERING')).toBe(true)
  expect(matches(row({}), '青禾 pharmacy')).toBe(false)
  expect(matches(row({}), '  ')).toBe(true)
})

test('waiting is counted in whole minutes and only while somebody waits', () => {
  const now = Date.parse('2026-11-22T01:10:59Z')
  expect(waitedMinutes({ phase: 'waiting', waiting_since: '2026-11-22T01:00:00Z' }, now)).toBe(10)
  expect(waitedMinutes({ phase: 'live', waiting_since: '2026-11-22T01:00:00Z' }, now)).toBeNull()
})

test('what a row offers follows its phase', () => {
  expect((['waiting', 'live', 'closing', 'closed'] as const).map((phase) => actOf(row({ phase })))).toEqual(['enter', 'enter', 'sheet', 'open'])
})
