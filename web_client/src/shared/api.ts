/**
 * The HTTP API: JSON in, JSON out, problem+json as `ApiProblem` with its stable code and the sentence for the reader.
 * A request that never reached the server is `Unreachable`, so that pages can keep the input and wait (state K3).
 */
import type * as wire from '../schemas/api'
import { lang } from './i18n'

export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly body: Readonly<Record<string, unknown>>,
  ) {
    super(`${code} ${detail}`)
  }
}

export class Unreachable extends Error {}

/** The office as a link shows it; who is logged in also gets its code. */
export type Office = wire.OfficeCard & { code?: string }
export type Me = Omit<wire.Me, 'kind' | 'office'> & {
  kind: 'staff' | 'guest' | 'anonymous' | 'system'
  office: Office | null
}
/** `joined`: this browser has given the code and may connect. */
export type Landing = Omit<wire.Landing, 'state'> & { state: 'open' | 'early' | 'late' | 'used' | 'finished' }

// A slow network shows K2 after 4 s; past this the request is given up and may be repeated by hand.
const TIMEOUT_MS = 30_000

async function problemOf(response: Response): Promise<ApiProblem> {
  let body: Record<string, unknown> = {}
  try {
    body = (await response.json()) as Record<string, unknown>
  } catch {
    // a proxy's own page; the status alone must do
  }
  const code = typeof body['code'] === 'string' ? body['code'] : `S${response.status}`
  const detail = typeof body['detail'] === 'string' ? body['detail'] : ''
  return new ApiProblem(response.status, code, detail, body)
}

async function send(method: string, path: string, init: { json?: unknown; raw?: BodyInit } = {}): Promise<Response> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
  const headers: Record<string, string> = { accept: 'application/json', 'accept-language': lang.value }
  if (init.json !== undefined) headers['content-type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers,
      body: init.json !== undefined ? JSON.stringify(init.json) : (init.raw ?? null),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: abort.signal,
    })
  } catch (error) {
    throw new Unreachable(String(error))
  } finally {
    clearTimeout(timer)
  }
  if (!response.ok) throw await problemOf(response)
  return response
}

async function json<T>(response: Response): Promise<T> {
  if (response.status === 204) return null as T
  const text = await response.text()
  return (text ? JSON.parse(text) : null) as T
}

export const api = {
  async get<T>(path: string): Promise<T> {
    return json<T>(await send('GET', path))
  },
  async post<T>(path: string, body: unknown = {}): Promise<T> {
    return json<T>(await send('POST', path, { json: body }))
  },
  /** Bytes as they are: PDFs, photos, recording clusters. */
  async bytes(path: string): Promise<ArrayBuffer> {
    return (await send('GET', path)).arrayBuffer()
  },
}

/** Path segments and query values, escaped. */
export function at(strings: TemplateStringsArray, ...values: (string | number)[]): string {
  return strings.reduce((path, part, i) => path + encodeURIComponent(String(values[i - 1])) + part)
}

export interface PhotoUpload {
  record: string
  blob: Blob
  sha256: string
  item: string | null
  request: string | null
  takenAt: string
}

/** Sends one photo; `progress` is 0..1. */
export function uploadPhoto(
  photo: PhotoUpload,
  progress: (share: number) => void,
): Promise<wire.PhotoStored> {
  const query = new URLSearchParams({ taken_at: photo.takenAt, sha256: photo.sha256 })
  if (photo.item) query.set('item', photo.item)
  if (photo.request) query.set('request', photo.request)
  return upload(`${at`/api/records/${photo.record}/photos`}?${query.toString()}`, photo.blob, progress)
}

/** Sends one file of a help call; `progress` is 0..1. */
export function uploadFile(
  file: { record: string; blob: Blob; sha256: string; name: string },
  progress: (share: number) => void,
): Promise<wire.FileStored> {
  const query = new URLSearchParams({ name: file.name, sha256: file.sha256 })
  return upload(`${at`/api/records/${file.record}/files`}?${query.toString()}`, file.blob, progress)
}

/** XMLHttpRequest, because fetch tells nothing about how much has been sent. */
function upload<T>(path: string, blob: Blob, progress: (share: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest()
    xhr.open('POST', path)
    xhr.setRequestHeader('content-type', blob.type || 'application/octet-stream')
    xhr.setRequestHeader('accept-language', lang.value)
    xhr.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total)
    }
    xhr.onerror = () => reject(new Unreachable('upload'))
    xhr.ontimeout = () => reject(new Unreachable('upload'))
    xhr.onload = () => {
      let body: Record<string, unknown> = {}
      try {
        body = JSON.parse(xhr.responseText) as Record<string, unknown>
      } catch {
        // judged by the status below
      }
      if (xhr.status >= 200 && xhr.status < 300) resolve(body as T)
      else
        reject(
          new ApiProblem(
            xhr.status,
            String(body['code'] ?? `S${xhr.status}`),
            String(body['detail'] ?? ''),
            body,
          ),
        )
    }
    xhr.send(blob)
  })
}
