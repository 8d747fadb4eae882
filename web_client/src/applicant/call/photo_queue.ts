/** Photos on their way: hashed before they leave, kept on the phone until the server has them, sent again by themselves. */
import { ref, shallowRef } from 'vue'

import { ApiProblem, Unreachable, uploadPhoto } from '../../shared/api'
import type { Photo } from '../../shared/media'

import * as shelf from './photo_shelf'

export interface Sending {
  id: string
  url: string
  item: string | null
  request: string | null
  state: 'sending' | 'kept' | 'sent' | 'refused'
  share: number
  /** This device's clock, when the server had it. */
  sentAt: number | null
  /** The server's sentence, if it refused the photo. */
  text: string
  code: string
}

const RETRY_MS = 5000

export function createPhotoQueue(record: string) {
  const photos = shallowRef<Sending[]>([])
  const busy = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  let over = false

  async function add(photo: Photo, item: string | null, request: string | null): Promise<Sending> {
    const id = photo.sha256.slice(0, 16)
    await shelf.put({ id, record, item, request, ...photo })
    const entry: Sending = {
      id,
      url: URL.createObjectURL(photo.blob),
      item,
      request,
      state: 'sending',
      share: 0,
      sentAt: null,
      text: '',
      code: '',
    }
    photos.value = [...photos.value, entry]
    void work()
    return entry
  }

  /** What a page closed too early had left behind. */
  async function restore(): Promise<void> {
    for (const kept of await shelf.all(record)) {
      if (photos.value.some((entry) => entry.id === kept.id)) continue
      const { id, item, request } = kept
      const url = URL.createObjectURL(kept.blob)
      photos.value = [...photos.value, { id, url, item, request, state: 'kept', share: 0, sentAt: null, text: '', code: '' }]
    }
    void work()
  }

  async function work(): Promise<void> {
    if (busy.value || over) return
    busy.value = true
    clearTimeout(timer)
    try {
      for (const entry of photos.value.filter((each) => each.state === 'sending' || each.state === 'kept')) await send(entry)
    } finally {
      busy.value = false
    }
    if (photos.value.some((each) => each.state === 'sending')) void work()
    else if (photos.value.some((each) => each.state === 'kept')) timer = setTimeout(() => void work(), RETRY_MS)
  }

  async function send(entry: Sending): Promise<void> {
    const kept = await shelf.get(entry.id)
    if (!kept) return
    change(entry, { state: 'sending', share: 0 })
    try {
      await uploadPhoto(
        { record, blob: kept.blob, sha256: kept.sha256, item: kept.item, request: kept.request, takenAt: kept.takenAt },
        (share) => change(entry, { share }),
      )
      await shelf.remove(entry.id)
      change(entry, { state: 'sent', share: 1, sentAt: Date.now() })
    } catch (error) {
      if (error instanceof Unreachable) return change(entry, { state: 'kept' })
      const problem = error instanceof ApiProblem ? error : null
      // F03: damaged on the way, the original is still here. 5xx and 429: the server cannot just now.
      if (problem && (problem.code === 'F03' || problem.status >= 500 || problem.status === 429))
        return change(entry, { state: 'kept', text: problem.detail, code: problem.code })
      await shelf.remove(entry.id)
      change(entry, { state: 'refused', text: problem?.detail ?? '', code: problem?.code ?? '' })
    }
  }

  function change(entry: Sending, what: Partial<Sending>): void {
    photos.value = photos.value.map((each) => (each.id === entry.id ? { ...each, ...what } : each))
  }

  const onOnline = (): void => void work()
  window.addEventListener('online', onOnline)
  function stop(): void {
    over = true
    clearTimeout(timer)
    window.removeEventListener('online', onOnline)
    for (const entry of photos.value) URL.revokeObjectURL(entry.url)
  }
  return { photos, add, restore, stop }
}
export type PhotoQueue = ReturnType<typeof createPhotoQueue>
