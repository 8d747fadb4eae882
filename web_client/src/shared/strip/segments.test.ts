import { expect, test } from 'vitest'

import { coveragePercent, grow } from './segments'

test('equal neighbours become one, time never goes back', () => {
  let strip = grow([], 1000, 'live')
  strip = grow(strip, 2000, 'live')
  strip = grow(strip, 1500, 'frozen')
  strip = grow(strip, 3000, 'interrupted', 'network')
  expect(strip).toEqual([
    { from_ms: 0, to_ms: 2000, class: 'live', cause: null },
    { from_ms: 2000, to_ms: 3000, class: 'interrupted', cause: 'network' },
  ])
})

test('sound alone is covered, a still picture and a gap are not', () => {
  const strip = grow(grow(grow(grow([], 5000, 'live'), 8000, 'muted'), 9000, 'frozen'), 10_000, 'no_signal')
  expect(coveragePercent(strip)).toBe(80)
  expect(coveragePercent([])).toBe(100)
})
