import { expect, test } from 'vitest'

import { thinned } from './strokes'

test('a long line keeps its ends and its way, and no more than may be sent', () => {
  const line = Array.from({ length: 500 }, (_, n) => ({ x: n / 499, y: 0.5 }))
  const sent = thinned(line)
  expect(sent.length).toBe(32)
  expect([sent[0]!.x, sent[31]!.x]).toEqual([0, 1])
  expect(sent.every((spot, n) => n === 0 || spot.x > sent[n - 1]!.x)).toBe(true)
})

test('a hand that leaves the picture draws along its edge', () => {
  expect(thinned([{ x: -0.2, y: 0.12345 }, { x: 1.3, y: 2 }])).toEqual([{ x: 0, y: 0.123 }, { x: 1, y: 1 }])
})
