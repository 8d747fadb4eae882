import { expect, test } from 'vitest'

import type { View } from '../../shared/protocol'
import { liveMarks, liveStrip } from './strip'

const START = '2026-11-22T01:00:00Z'
const at = (second: number): string => new Date(Date.parse(START) + second * 1000).toISOString()
const view = (more: Partial<View>): View =>
  ({ call_started_at: START, people: [{ role: 'applicant', leg: 'leg_a' }], interruptions: [], photos: [], steps: {}, checklist: { items: [] }, ...more }) as unknown as View

test('every second of the call is in one class, overlapping gaps count once', () => {
  const gap = (from: number, to: number | null) => ({ from: at(from), to: to === null ? null : at(to), cause: 'network', leg: 'leg_a' })
  const strip = liveStrip(view({ interruptions: [gap(10, 20), gap(15, 25), gap(50, null)] }), Date.parse(at(60)))
  expect(strip.map((part) => [part.from_ms, part.to_ms, part.class])).toEqual([
    [0, 10_000, 'live'], [10_000, 20_000, 'interrupted'], [20_000, 25_000, 'interrupted'], [25_000, 50_000, 'live'], [50_000, 60_000, 'interrupted'],
  ])
})

test('gaps of somebody else are not the applicant’s', () => {
  const other = [{ from: at(1), to: at(2), cause: 'network', leg: 'leg_b' }]
  expect(liveStrip(view({ interruptions: other }), Date.parse(at(5)))).toHaveLength(1)
})

test('before the call there is nothing to show, and marks stand in order of time', () => {
  expect(liveStrip(view({ call_started_at: null }), Date.parse(at(5)))).toEqual([])
  const marks = liveMarks(view({
    steps: { identity: { done_at: at(8), by: '', required: true, again: false } },
    photos: [{ id: 'p', at: at(4), item: 'x' }] as View['photos'],
    checklist: { items: [{ id: 'x', at: at(6), verdict: 'conforms' }, { id: 'y', at: null }] } as unknown as View['checklist'],
  }))
  expect(marks.map((mark) => [mark.at_ms, mark.kind])).toEqual([[4000, 'photo'], [6000, 'answer'], [8000, 'step']])
})
