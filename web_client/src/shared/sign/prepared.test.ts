import { beforeAll, expect, test } from 'vitest'

import { toBase64 } from './base64'
import { checkPrepared, SignatureMismatch, type MismatchReason, type Prepared, type ReadRevision } from './prepared'

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)
const READ = bytes('%PDF-1.7 what was read\n')
const SPKI = bytes('public key')
const before = '%PDF-1.7 what was read\nupdate '
const PDF = bytes(`${before}<0000> end`)
// messageDigest as it stands in signed attributes: OID, SET, OCTET STRING of 32 bytes.
const HEAD = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04, 0x31, 0x22, 0x04, 0x20]
let prepared: Prepared
let read: ReadRevision

async function digest(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data))
}

beforeAll(async () => {
  const signed = await digest(bytes(`${before} end`))
  const hex = Array.from(await digest(READ), (byte) => byte.toString(16).padStart(2, '0')).join('')
  read = { sha256: hex, size: READ.length }
  prepared = {
    lease: 'lse_1',
    expires_at: '',
    revision_sha256: hex,
    byte_range: [0, before.length, before.length + 6, 4],
    signed_attributes: toBase64(new Uint8Array([0x31, 0x40, ...HEAD, ...signed])),
    certificate: toBase64(bytes('certificate of public key for one act')),
  }
})

test('what was read, hashed here and certified for this key may be signed', async () => {
  await expect(checkPrepared(PDF, prepared, SPKI, read)).resolves.toBeUndefined()
})

const other = (change: Partial<Prepared>): Prepared => ({ ...prepared, ...change })
const LIES: [MismatchReason, () => [Uint8Array<ArrayBuffer>, Prepared, Uint8Array, ReadRevision]][] = [
  ['revision', () => [PDF, prepared, SPKI, { sha256: 'ab'.repeat(32), size: READ.length }]],
  ['revision', () => [PDF, prepared, SPKI, { ...read, size: 10_000 }]],
  ['range', () => [PDF, other({ byte_range: [0, before.length, before.length + 6, 3] }), SPKI, read]],
  ['range', () => [PDF, other({ byte_range: [4, before.length, before.length + 6, 4] }), SPKI, read]],
  // A hole that holds more than a hexadecimal string could hide another page.
  ['contents', () => [PDF, other({ byte_range: [0, before.length - 1, before.length + 6, 4] }), SPKI, read]],
  ['contents', () => [bytes(`${before}<00x0> end`), prepared, SPKI, read]],
  ['digest', () => [bytes(`${before}<0000> END`), prepared, SPKI, read]],
  ['digest', () => [PDF, other({ signed_attributes: toBase64(bytes('nothing')) }), SPKI, read]],
  // Two digests: one for this page, one for another verifier.
  ['digest', () => [PDF, other({ signed_attributes: btoa(atob(prepared.signed_attributes).repeat(2)) }), SPKI, read]],
  ['key', () => [PDF, prepared, bytes('another key'), read]],
]

test.each(LIES)('a server that lies is refused: %s', async (reason, lie) => {
  const refused = await checkPrepared(...lie()).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(SignatureMismatch)
  expect((refused as SignatureMismatch).reason).toBe(reason)
})
