import { expect, test } from 'vitest'

import type { View } from '../../shared/protocol'
import { liveMarks } from './strip'

const START = '2026-11-22T01:00:00Z'
const at = (second: number): string => new Date(Date.parse(START) + second * 1000).toISOString()
const view = (more: Partial<View>): View =>
  ({ call_started_at: START, people: [{ role: 'applicant', leg: 'leg_a' }], interruptions: [], photos: [], steps: {}, checklist: { items: [] }, ...more }) as unknown as View

test('before the call there are no marks, then they stand in order of time', () => {
  expect(liveMarks(view({ call_started_at: null }))).toEqual([])
  const marks = liveMarks(view({
    steps: { identity: { done_at: at(8), by: '', required: true, again: false } },
    photos: [{ id: 'p', at: at(4), item: 'x' }] as View['photos'],
    checklist: { items: [{ id: 'x', at: at(6), verdict: 'conforms' }, { id: 'y', at: null }] } as unknown as View['checklist'],
  }))
  expect(marks.map((mark) => [mark.at_ms, mark.kind])).toEqual([[4000, 'photo'], [6000, 'answer'], [8000, 'step']])
})
