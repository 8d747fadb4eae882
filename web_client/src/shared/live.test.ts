import { expect, test } from 'vitest'

import { retryAfter } from './live'

test('a page tries again soon, then patiently, and never together with all the others', () => {
  expect([0, 1, 2].map((tries) => retryAfter(tries, 1))).toEqual([1000, 2000, 4000])
  expect([retryAfter(9, 0), retryAfter(9, 1)]).toEqual([7500, 15000])
})
