import { expect, test } from 'vitest'

import type { View } from '../../shared/protocol'
import { fromRecord } from './live_strip'

test('a page opened in the middle shows the gaps that the record knows of', () => {
  const start = Date.parse('2026-11-22T01:00:00Z')
  const at = (second: number): string => new Date(start + second * 1000).toISOString()
  const interruptions = [
    { from: at(10), to: at(20), cause: 'phone_call', leg: 'leg_a' },
    { from: at(12), to: at(14), cause: 'network', leg: 'leg_b' },
    { from: at(25), to: null, cause: 'network', leg: '' },
  ]
  const strip = fromRecord({ interruptions } as unknown as View, 'leg_a', start, 30_000)
  expect(strip.map((part) => [part.from_ms, part.to_ms, part.class, part.cause])).toEqual([
    [0, 10_000, 'live', null], [10_000, 20_000, 'interrupted', 'phone_call'], [20_000, 25_000, 'live', null], [25_000, 30_000, 'interrupted', 'network'],
  ])
})
