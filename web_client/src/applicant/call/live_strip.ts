/** The second strip while it grows: what the phone itself knows of its own picture, filled up from the record after a reload. */
import { computed, onBeforeUnmount, shallowRef, watch } from 'vue'

import { toMs } from '../../shared/format'
import type { View } from '../../shared/protocol'
import { grow, type StripClass, type StripSegment } from '../../shared/strip/segments'
import type { Core } from '../session'

/** Up to `untilMs`: live but where the record tells of an interruption of `leg`. */
export function fromRecord(view: View, leg: string | null, startMs: number, untilMs: number): StripSegment[] {
  let segments: StripSegment[] = []
  const gaps = view.interruptions
    .filter((gap) => leg === null || gap.leg === leg || !gap.leg)
    .map((gap) => ({ from: toMs(gap.from) - startMs, to: (gap.to ? toMs(gap.to) : Infinity) - startMs, cause: gap.cause }))
    .sort((a, b) => a.from - b.from)
  for (const gap of gaps) {
    segments = grow(segments, Math.min(untilMs, gap.from), 'live')
    segments = grow(segments, Math.min(untilMs, gap.to), 'interrupted', gap.cause)
  }
  return grow(segments, untilMs, 'live')
}

export function useLiveStrip(session: Core) {
  const segments = shallowRef<StripSegment[]>([])
  const start = computed(() => (session.view.value?.call_started_at ? toMs(session.view.value.call_started_at) : null))
  const now = (): number => Date.now() + (session.socket.value?.clockOffsetMs.value ?? 0)
  const lengthMs = shallowRef(0)

  function classNow(): [StripClass, string | null] {
    const { flow, publisher, socket, view } = session
    const own = socket.value?.you.value?.leg ?? ''
    const sender = publisher.value
    if (flow.value.left) return ['interrupted', 'other']
    if (socket.value?.state.value !== 'open' || sender?.state.value !== 'up') return ['interrupted', 'network']
    if (sender.camera.value === 'ended' || sender.camera.value === 'none') return ['no_signal', 'camera_lost']
    if (view.value?.mask[own]) return ['masked', null]
    if (sender.camera.value === 'paused') return ['frozen', null]
    if (sender.mutedAudio.value) return ['muted', null]
    return ['live', null]
  }

  function tick(): void {
    const view = session.view.value
    if (start.value === null || !view || !['live', 'interrupted', 'closing'].includes(view.phase)) return
    const at = now() - start.value
    lengthMs.value = Math.max(0, at)
    if (!segments.value.length) {
      // A page opened in the middle knows nothing of what was before; the record does.
      segments.value = fromRecord(view, session.socket.value?.you.value?.leg ?? null, start.value, at)
      return
    }
    const [kind, cause] = classNow()
    segments.value = grow(segments.value, at, kind, cause)
  }
  watch(start, () => (segments.value = []))
  const timer = setInterval(tick, 1000)
  onBeforeUnmount(() => clearInterval(timer))
  return { segments, start, lengthMs }
}
export type LiveStrip = ReturnType<typeof useLiveStrip>
