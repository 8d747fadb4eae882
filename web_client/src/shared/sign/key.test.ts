import { expect, test } from 'vitest'

import { dropKey, loadOrMakeKey } from './key'

test('the private half refuses every way out', async () => {
  const key = await loadOrMakeKey('rec_1/applicant')
  expect(key.privateKey.extractable).toBe(false)
  for (const format of ['pkcs8', 'jwk', 'raw'] as const)
    await expect(crypto.subtle.exportKey(format, key.privateKey)).rejects.toThrow()
  expect(key.privateKey.usages).toEqual(['sign'])
})

test('one key for one signature, until it is dropped', async () => {
  const first = await loadOrMakeKey('rec_1/lead')
  expect(await loadOrMakeKey('rec_1/lead')).toBe(first)
  expect(await loadOrMakeKey('rec_2/lead')).not.toBe(first)
  await dropKey('rec_1/lead')
  expect(await loadOrMakeKey('rec_1/lead')).not.toBe(first)
})
