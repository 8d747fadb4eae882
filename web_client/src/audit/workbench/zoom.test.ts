import { expect, test } from 'vitest'

import { clip, CLOSEST_MS, follow, move, whole, zoom } from './zoom'

test('zooming keeps the moment under the pointer in its place', () => {
  const span = zoom(whole(100_000), 0.5, 25_000, 100_000)
  expect(span).toEqual({ from: 12_500, to: 62_500 })
})

test('it goes no closer than ten seconds and no wider than the record', () => {
  const close = zoom(whole(100_000), 0.0001, 50_000, 100_000)
  expect(close.to - close.from).toBe(CLOSEST_MS)
  expect(zoom(close, 1e9, 50_000, 100_000)).toEqual(whole(100_000))
})

test('moving stops at both ends, and the page turns after the play head', () => {
  expect(move({ from: 10, to: 20_010 }, -5000, 100_000)).toEqual({ from: 0, to: 20_000 })
  expect(follow({ from: 0, to: 20_000 }, 15_000, 100_000)).toEqual({ from: 0, to: 20_000 })
  expect(follow({ from: 0, to: 20_000 }, 30_000, 100_000)).toEqual({ from: 28_000, to: 48_000 })
})

test('the parts inside the span start at its beginning', () => {
  const parts = [{ from_ms: 0, to_ms: 10 }, { from_ms: 10, to_ms: 30 }, { from_ms: 30, to_ms: 40 }]
  expect(clip(parts, { from: 15, to: 30 })).toEqual([{ from_ms: 0, to_ms: 15 }])
})
