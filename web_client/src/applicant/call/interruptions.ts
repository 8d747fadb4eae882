/** A9 and A10: what broke, since when, and what it is called; told to the record with the phone's own knowledge of the cause. */
import { computed, onBeforeUnmount, onMounted, ref, watch } from 'vue'

import { formatLength } from '../../shared/format'
import { useNow } from '../../shared/phone/now'
import type { Session } from '../session'
import { t } from '../text'

export type CameraGone = { cause: 'phone_call' | 'hidden' | 'camera_lost'; since: number }

// Shorter breaks mend themselves before anybody could read a sentence.
const SHOW_AFTER_MS = 2000

export function useInterruptions(session: Session) {
  const now = useNow(500)
  const serverTime = (local: number): string => new Date(local + (session.socket.value?.clockOffsetMs.value ?? 0)).toISOString()

  // ------------------------------------------------------------------------------------------ the line (A9)

  const lostAt = computed<number | null>(() => {
    const moments = [session.socket.value?.lostSince.value ?? null, session.publisher.value?.stalledSince.value ?? null]
    const known = moments.filter((moment): moment is number => moment !== null)
    return known.length ? Math.min(...known) : null
  })
  const lostSeconds = computed(() => {
    if (lostAt.value === null || now.value - lostAt.value < SHOW_AFTER_MS) return null
    return Math.floor((now.value - lostAt.value) / 1000)
  })
  const back = ref('')
  let backTimer: ReturnType<typeof setTimeout> | undefined

  watch(lostAt, (at, before) => {
    if (at !== null || before === null || before === undefined) return
    const length = Date.now() - before
    if (length < SHOW_AFTER_MS) return
    back.value = t('lost.back', { length: formatLength(length / 1000) })
    clearTimeout(backTimer)
    backTimer = setTimeout(() => (back.value = ''), 8000)
    void session.send({ do: 'interruption.report', cause: 'network', started_at: serverTime(before), ended_at: serverTime(Date.now()) })
  })

  // ------------------------------------------------------------------------------------------ the camera (A10)

  const gone = ref<CameraGone | null>(null)
  let hiddenAt: number | null = null
  let pausedAt: number | null = null

  function cameraGone(since: number): void {
    if (gone.value) return
    const audio = session.publisher.value?.audioTrack
    // A phone call takes sound and picture at once; another app only the camera.
    const both = audio !== undefined && (audio.muted || audio.readyState === 'ended')
    const cause = both ? 'phone_call' : hiddenAt !== null ? 'hidden' : 'camera_lost'
    gone.value = { cause, since }
    void session.send({ do: 'interruption.report', cause, started_at: serverTime(since), ended_at: null })
  }

  watch(
    () => session.publisher.value?.camera.value,
    (state) => {
      if (state === 'ended') cameraGone(Date.now())
      pausedAt = state === 'paused' ? Date.now() : null
    },
  )
  watch(now, (at) => {
    if (pausedAt !== null && at - pausedAt > SHOW_AFTER_MS) cameraGone(pausedAt)
    // Picture and sound came back without our doing (Android after a declined call).
    if (gone.value && session.publisher.value?.camera.value === 'live' && document.visibilityState === 'visible') void settle()
  })

  function onVisibility(): void {
    if (document.visibilityState === 'hidden') {
      hiddenAt = Date.now()
      return
    }
    const since = hiddenAt
    hiddenAt = null
    if (since === null || Date.now() - since < SHOW_AFTER_MS) return
    const camera = session.publisher.value?.camera.value
    if (camera !== 'live') return cameraGone(since)
    if (!gone.value)
      void session.send({ do: 'interruption.report', cause: 'hidden', started_at: serverTime(since), ended_at: serverTime(Date.now()) })
  }

  async function settle(): Promise<void> {
    const was = gone.value
    if (!was) return
    gone.value = null
    pausedAt = null
    const ended = Date.now()
    back.value = t('lost.back', { length: formatLength((ended - was.since) / 1000) })
    clearTimeout(backTimer)
    backTimer = setTimeout(() => (back.value = ''), 8000)
    await session.send({ do: 'interruption.report', cause: was.cause, started_at: serverTime(was.since), ended_at: serverTime(ended) })
  }

  /** The tap 继续勘验 reopens camera and microphone (an iPhone gives them back to nothing less). */
  async function resume(): Promise<void> {
    await session.publisher.value?.reopen()
    await settle()
  }

  onMounted(() => document.addEventListener('visibilitychange', onVisibility))
  onBeforeUnmount(() => {
    document.removeEventListener('visibilitychange', onVisibility)
    clearTimeout(backTimer)
  })
  return { lostSeconds, back, gone, resume, now }
}
