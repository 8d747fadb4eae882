/**
 * What officers ask of the phone (A7, A8). With standing consent torch, lens, zoom and photo are done at once and told with a chip;
 * without it, and for what only hands can do, a card asks.
 */
import { computed, onBeforeUnmount, reactive, ref, shallowRef, watch } from 'vue'

import { setTorch, setZoom, takePhoto } from '../../shared/media'
import type { RequestView } from '../../shared/protocol'
import { requestWords } from '../../shared/requests'
import type { Session } from '../session'
import { t } from '../text'

import type { PhotoQueue, Sending } from './photo_queue'

export interface Chip {
  text: string
  undo: (() => void) | null
}

const CHIP_MS = 4000
const HOLD_STILL_MS = 900

export const isOn = (value: unknown): boolean => value !== false && value !== 'off' && value !== 0

export function useRequests(session: Session, photos: PhotoQueue, video: () => HTMLVideoElement | null) {
  const torch = ref(false)
  const zoom = ref(1)
  const chip = shallowRef<Chip | null>(null)
  const taking = ref(false)
  const lastPhoto = shallowRef<Sending | null>(null)
  const handled = reactive(new Set<string>())

  const asked = computed(() => (session.view.value?.requests ?? []).filter((request) => request.state === 'asked'))
  /** The newest request that needs the person's hand. */
  const current = computed(() => {
    const open = asked.value.filter((request) => !handled.has(request.id))
    return open[open.length - 1] ?? null
  })

  let chipTimer: ReturnType<typeof setTimeout> | undefined
  function show(next: Chip): void {
    chip.value = next
    clearTimeout(chipTimer)
    chipTimer = setTimeout(() => (chip.value = null), CHIP_MS)
  }
  onBeforeUnmount(() => clearTimeout(chipTimer))

  async function reply(request: RequestView, done: boolean, reason = ''): Promise<void> {
    handled.add(request.id)
    if (request.kind === 'photo') {
      if (!done) await session.send({ do: 'photo.refuse', request: request.id, reason })
    } else await session.send({ do: 'ask.reply', request: request.id, done, reason })
  }

  async function lightTorch(on: boolean): Promise<boolean> {
    const track = session.publisher.value?.cameraTrack
    const done = track ? await setTorch(track, on) : false
    if (done) torch.value = on
    return done
  }

  async function switchLens(): Promise<boolean> {
    try {
      session.facing.value = (await session.publisher.value?.switchCamera()) ?? session.facing.value
      torch.value = false // a torch belongs to the lens that was let go
      return true
    } catch {
      return false
    }
  }

  /** Does one request of the officers; false with the reason where this phone cannot. */
  async function carryOut(request: RequestView): Promise<void> {
    if (request.kind === 'torch') {
      const on = isOn(request.value)
      const done = await lightTorch(on)
      if (done) show({ text: t(on ? 'drive.torch' : 'drive.torch.off'), undo: on ? () => void lightTorch(false) : null })
      await reply(request, done, done ? '' : t('call.torch.no'))
    } else if (request.kind === 'lens') {
      const done = await switchLens()
      if (done) show({ text: t('drive.lens'), undo: () => void switchLens() })
      await reply(request, done, done ? '' : t('call.lens.no'))
    } else if (request.kind === 'zoom') {
      const track = session.publisher.value?.cameraTrack
      const set = track ? await setZoom(track, Number(request.value) || 1) : null
      if (set !== null) {
        zoom.value = set
        const undo = (): void => void (track && setZoom(track, 1).then(() => (zoom.value = 1)))
        show({ text: t('drive.zoom', { factor: Math.round(set * 10) / 10 }), undo })
      }
      await reply(request, set !== null)
    } else if (request.kind === 'photo') {
      await photograph(request)
    } else await reply(request, true)
  }

  async function photograph(request: RequestView | null, again?: Sending): Promise<void> {
    const track = session.publisher.value?.cameraTrack
    const element = video()
    if (taking.value || !track || !element) return
    if (request) handled.add(request.id)
    taking.value = true
    try {
      await new Promise((resolve) => setTimeout(resolve, HOLD_STILL_MS))
      const photo = await takePhoto(track, element)
      navigator.vibrate?.(60)
      lastPhoto.value = await photos.add(photo, request?.item ?? again?.item ?? null, request?.id ?? null)
    } finally {
      taking.value = false
    }
  }

  watch(
    asked,
    (open) => {
      for (const request of open) {
        if (handled.has(request.id)) continue
        const drives = ['torch', 'lens', 'zoom', 'photo'].includes(request.kind)
        if (!session.standing.value || !drives) continue
        handled.add(request.id)
        void carryOut(request)
      }
    },
    { immediate: true },
  )

  function wording(request: RequestView): string {
    if (request.kind === 'photo') return requestWords(session.view.value?.checklist?.items ?? [], request) || t('photo.thing')
    if (request.text) return request.text
    if (request.kind === 'torch') return t(isOn(request.value) ? 'ask.torch' : 'ask.torch.off')
    if (request.kind === 'zoom') return t('ask.zoom', { factor: String(request.value ?? 2) })
    if (request.kind === 'lens') return t('ask.lens')
    return request.kind === 'closer' ? t('ask.closer') : t('ask.slower')
  }

  return { current, chip, taking, torch, zoom, lastPhoto, reply, carryOut, photograph, lightTorch, switchLens, wording }
}
export type Requests = ReturnType<typeof useRequests>
