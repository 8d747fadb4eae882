/**
 * Signing the sheet with a key that only this device holds (电子签名法 §13), for applicants and officers alike.
 *
 *   1 key      a P-256 pair is made here, not extractable, kept in IndexedDB until the signature is accepted
 *   2 prepare  the server puts the drawn name and an empty signature into the PDF and says which bytes it wants signed
 *   3 check    this device downloads that PDF, hashes its ByteRange itself (ISO 32000-2 §12.8.1) and compares the hash with the
 *              messageDigest inside the signed attributes (RFC 5652 §11.2); it refuses to sign anything else
 *   4 sign     ECDSA with SHA-256 over the signed attributes
 *   5 send     r‖s goes to the server, which embeds it
 */
import type { SignatureCodeSent } from '../schemas/api'
import { api, ApiProblem, at } from './api'
import { fromBase64, toBase64 } from './sign/base64'
import { dropKey, loadOrMakeKey } from './sign/key'
import { checkPrepared, type Prepared, type ReadRevision } from './sign/prepared'

export { SignatureMismatch, type ReadRevision } from './sign/prepared'

/**
 * 'queue': somebody else signs at this moment; 'proof': somebody's signature waits for its time proof. Both are tried again
 * by themselves.
 */
export type SignStage = 'key' | 'queue' | 'proof' | 'prepare' | 'check' | 'sign' | 'send' | 'done'

export interface SignOptions {
  record: string
  role: string
  /** The drawn name as PNG; null where somebody signs without drawing. */
  drawn: Blob | null
  /** Goes into the signature as its reason. */
  remark: string
  /** The one-time code of whoever has no account. */
  code?: string
  /** The revision that was read (`Sheet.sha256`, `Sheet.size`); the prepared PDF must begin with it. */
  read?: ReadRevision | null
  onStage?: (stage: SignStage) => void
  /** The page was left: nothing is tried again. */
  left?: AbortSignal
}

/** 'kept': the server has the signature and adds its time proof when it can be had; this person is done. */
export type Signed = 'signed' | 'kept'

/** One whole ceremony. Rejects with `SignatureMismatch`, `ApiProblem` or `Unreachable`; the sheet is then unchanged. */
export async function signSheet(options: SignOptions): Promise<Signed> {
  const stage = (name: SignStage): void => options.onStage?.(name)
  stage('key')
  const keyName = `${options.record}/${options.role}`
  const key = await loadOrMakeKey(keyName)
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', key.publicKey))
  const drawn = options.drawn ? toBase64(new Uint8Array(await options.drawn.arrayBuffer())) : null
  stage('prepare')
  const prepared = await orKept(
    inTurn(stage, options.left, () =>
      api.post<Prepared>(at`/api/records/${options.record}/signatures`, {
        role: options.role,
        public_key: toBase64(spki),
        drawn_png: drawn,
        remark: options.remark,
        code: options.code ?? '',
      }),
    ),
  )
  if (prepared === 'kept') return finished(keyName, prepared, stage)
  stage('check')
  const pdf = new Uint8Array(await api.bytes(at`/api/signatures/${prepared.lease}/prepared.pdf`))
  await checkPrepared(pdf, prepared, spki, options.read ?? null)
  stage('sign')
  const signature = await crypto.subtle.sign(
    { name: 'ECDSA', hash: 'SHA-256' },
    key.privateKey,
    fromBase64(prepared.signed_attributes),
  )
  stage('send')
  const accepted = await orKept(
    api.post(at`/api/signatures/${prepared.lease}`, { signature: toBase64(new Uint8Array(signature)) }),
  )
  return finished(keyName, accepted === 'kept' ? 'kept' : 'signed', stage)
}

async function finished(keyName: string, how: Signed, stage: (name: SignStage) => void): Promise<Signed> {
  await dropKey(keyName)
  stage('done')
  return how
}

const waitsForProof = (error: unknown): error is ApiProblem => error instanceof ApiProblem && error.code === 'G10'
const isOwn = (error: ApiProblem): boolean => (error.body['params'] as { own?: boolean } | undefined)?.own === true

/** This person's own signature that waits for its time proof is no failure. */
async function orKept<T>(work: Promise<T>): Promise<T | 'kept'> {
  try {
    return await work
  } catch (error) {
    if (waitsForProof(error) && isOwn(error)) return 'kept'
    throw error
  }
}

// A lease lasts 60 s at most; whoever holds it is done or gone by then.
const TURN_TRIES = 25
const TURN_PAUSE_MS = 3000

// A time stamp service may be away for an hour; the job on the server asks it as often.
const PROOF_PAUSE_MS = 20_000

/** One signature at a time goes into a sheet: waits for the other's to end (G03) or to get its time proof (G10). */
async function inTurn<T>(
  stage: (name: SignStage) => void,
  left: AbortSignal | undefined,
  prepare: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; ) {
    try {
      return await prepare()
    } catch (error) {
      const proof = waitsForProof(error) && !isOwn(error)
      const turn = error instanceof ApiProblem && error.code === 'G03' && tries++ < TURN_TRIES
      if (!(proof || turn)) throw error
      stage(proof ? 'proof' : 'queue')
      await new Promise((resolve) => setTimeout(resolve, proof ? PROOF_PAUSE_MS : TURN_PAUSE_MS))
      if (left?.aborted) throw error
    }
  }
}

/** Sends the code with which somebody without an account signs; gives the masked number it went to. */
export async function sendSigningCode(record: string, role: string): Promise<string> {
  const sent = await api.post<SignatureCodeSent>(at`/api/records/${record}/signatures/code`, { role })
  return sent.sent_to
}

/** Refusing leaves the field empty; the reason goes into an annex. */
export async function refuseToSign(record: string, role: string, reason: string): Promise<void> {
  await api.post(at`/api/records/${record}/signatures/refuse`, { role, reason })
}
