/** Judges a prepared PDF before it is signed: is this really the document, and do the bytes to sign speak of it and of my key? */
import { sha256Hex } from '../media/photo'

import { fromBase64 } from './base64'

export interface Prepared {
  lease: string
  expires_at: string
  revision_sha256: string
  byte_range: [number, number, number, number]
  /** DER of SignedAttributes as a SET OF (RFC 5652 §5.4), base64. */
  signed_attributes: string
  /** DER of the event certificate, base64. */
  certificate: string
}

/** A PDF grows by appending (ISO 32000-2 §7.5.6), so what was read is the beginning of whatever is signed later. */
export interface ReadRevision {
  sha256: string
  size: number
}

export type MismatchReason = 'revision' | 'range' | 'contents' | 'digest' | 'key'

/** What came is not what this person read and agreed to sign. */
export class SignatureMismatch extends Error {
  constructor(readonly reason: MismatchReason) {
    super(`prepared document refused: ${reason}`)
  }
}

// OBJECT IDENTIFIER 1.2.840.113549.1.9.4 messageDigest, then SET { OCTET STRING of 32 bytes }.
const MESSAGE_DIGEST = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04, 0x31, 0x22, 0x04, 0x20]

function find(haystack: Uint8Array, needle: ArrayLike<number>, from = 0): number {
  outer: for (let i = from; i <= haystack.length - needle.length; i++) {
    for (let j = 0; j < needle.length; j++) if (haystack[i + j] !== needle[j]) continue outer
    return i
  }
  return -1
}

const isHex = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)

/** Throws `SignatureMismatch`. The range must cover the whole file but one hexadecimal string, the place of the signature. */
export async function checkPrepared(
  pdf: Uint8Array<ArrayBuffer>,
  prepared: Prepared,
  spki: Uint8Array,
  read: ReadRevision | null,
): Promise<void> {
  if (read && (pdf.length < read.size || (await sha256Hex(pdf.slice(0, read.size))) !== read.sha256))
    throw new SignatureMismatch('revision')
  const [start, first, second, last] = prepared.byte_range
  if (start !== 0 || first <= 0 || second <= first || second + last !== pdf.length) throw new SignatureMismatch('range')
  if (pdf[first] !== 0x3c /* < */ || pdf[second - 1] !== 0x3e /* > */) throw new SignatureMismatch('contents')
  for (let i = first + 1; i < second - 1; i++) if (!isHex(pdf[i]!)) throw new SignatureMismatch('contents')

  const signed = new Uint8Array(first + last)
  signed.set(pdf.subarray(0, first), 0)
  signed.set(pdf.subarray(second), first)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', signed))

  const attributes = fromBase64(prepared.signed_attributes)
  const place = find(attributes, MESSAGE_DIGEST)
  // Exactly one: a second one could speak of another document.
  if (place < 0 || find(attributes, MESSAGE_DIGEST, place + 1) >= 0) throw new SignatureMismatch('digest')
  const said = attributes.subarray(place + MESSAGE_DIGEST.length, place + MESSAGE_DIGEST.length + 32)
  if (said.length !== 32 || digest.some((byte, i) => byte !== said[i])) throw new SignatureMismatch('digest')

  // The certificate carries the public key as it stands (RFC 5280 §4.1.2.7); it must be the one made here.
  if (find(fromBase64(prepared.certificate), spki) < 0) throw new SignatureMismatch('key')
}
