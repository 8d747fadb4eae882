import { expect, test } from 'vitest'

import type { Cluster, Epoch } from '../timeline'
import { clusterIndexAt, epochAfter, epochAt, evicted, plan, runStart } from './buffer'

const clusters = (count: number, every: number): Cluster[] =>
  Array.from({ length: count }, (_, n): Cluster => [n, n * 1000, 1000, 100, n % every === 0 ? 1 : 0])
const epoch = (start_ms: number, length_ms: number): Epoch => ({
  epoch: `ep_${start_ms}`, start_ms, error_ms: 0, length_ms, mime: 'video/webm', closed: true, clusters: [],
})

test('an epoch plays from its start up to its end; a gap belongs to none', () => {
  const leg = { epochs: [epoch(0, 1000), epoch(3000, 1000)] }
  expect(epochAt(leg, 999)?.start_ms).toBe(0)
  expect(epochAt(leg, 1000)).toBeNull()
  expect(epochAfter(leg, 1000)?.start_ms).toBe(3000)
  expect(epochAfter(leg, 3000)).toBeNull()
})

test('the cluster and the keyframe before it are found', () => {
  const all = clusters(10, 4)
  expect([clusterIndexAt(all, 0), clusterIndexAt(all, 5999), clusterIndexAt(all, 99_000), clusterIndexAt([], 0)]).toEqual([0, 5, 9, -1])
  expect([runStart(all, 5), runStart(all, 4), runStart(all, 3)]).toEqual([4, 4, 0])
})

test('a run begins with its keyframe and is ready when the head has all of it', () => {
  const all = clusters(30, 4)
  const first = plan(all, 6500, new Set(), new Set())
  expect(first.fetch).toEqual([4, 5, 6])
  expect(first.ready).toBe(false)
  expect(plan(all, 6500, new Set([4, 5, 6]), new Set(), 1, 6).ready).toBe(true)
  expect(plan(all, 6500, new Set([4, 5, 6]), new Set(), 1, 6).fetch).toEqual([7, 8, 9])
})

test('no more than three are on their way', () => {
  expect(plan(clusters(30, 1), 0, new Set(), new Set([0, 1, 2])).fetch).toEqual([])
})

test('what lies far behind is let go', () => {
  const all = clusters(60, 1)
  const here = new Set(all.map(([n]) => n))
  const now = plan(all, 50_000, here, new Set())
  expect(now.evictBefore).toBe(30_000)
  expect(evicted(all, here, now.evictBefore, null)).toEqual(Array.from({ length: 30 }, (_, n) => n))
})
