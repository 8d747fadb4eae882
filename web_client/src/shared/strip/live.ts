/**
 * The second strip while a call runs, the same on the phone and on the desk. Each page grows it by what it sees this second, in the
 * order of classes that the recording uses (recordings/coverage.py); what the record tells of interruptions is laid over it, so that
 * both pages, and later the replay, say the same of a stretch.
 */
import { computed, onBeforeUnmount, shallowRef, watch } from 'vue'

import { toMs } from '../format'
import type { SessionView } from '../protocol'

import { grow, type StripClass, type StripSegment } from './segments'

/** What a page sees of the applicant's leg now. */
export interface Seen {
  connected: boolean
  /** Pictures follow each other; sound comes. */
  picture: boolean
  sound: boolean
  masked: boolean
  mutedAudio: boolean
  mutedVideo: boolean
}

export interface Gap {
  from_ms: number
  to_ms: number
  cause: string
}

const TICK_MS = 1000
const MISSING: readonly StripClass[] = ['interrupted', 'no_signal', 'frozen']

/** The first that applies, from above. */
export function classOf(seen: Seen): StripClass {
  if (!seen.connected) return 'interrupted'
  if (!seen.picture && !seen.sound && !(seen.mutedAudio && seen.mutedVideo)) return 'no_signal'
  if (seen.masked) return 'masked'
  if (seen.mutedAudio || seen.mutedVideo) return 'muted'
  if (!seen.picture) return 'frozen'
  return seen.sound ? 'live' : 'muted'
}

/** The interruptions of `leg` (null: of everybody) that the record knows of, in ms since the call's start. */
export function gapsOf(view: SessionView, leg: string | null, startMs: number, lengthMs: number): Gap[] {
  const within = (at: number): number => Math.max(0, Math.min(lengthMs, at))
  return view.interruptions
    .filter((gap) => leg === null || gap.leg === leg || !gap.leg)
    .map((gap) => ({ from_ms: within(toMs(gap.from) - startMs), to_ms: within(gap.to ? toMs(gap.to) - startMs : lengthMs), cause: gap.cause }))
    .filter((gap) => gap.to_ms > gap.from_ms)
    .sort((a, b) => a.from_ms - b.from_ms)
}

/** `segments` as the record tells them: inside a gap nothing counts as recorded, and the gap's cause is the cause. */
export function told(segments: readonly StripSegment[], gaps: readonly Gap[]): StripSegment[] {
  let strip: StripSegment[] = []
  for (const segment of segments) {
    const edges = gaps.flatMap((gap) => [gap.from_ms, gap.to_ms]).filter((at) => at > segment.from_ms && at < segment.to_ms)
    for (const until of [...edges.sort((a, b) => a - b), segment.to_ms]) {
      const from = strip[strip.length - 1]?.to_ms ?? 0
      const gap = gaps.find((one) => one.from_ms <= from && from < one.to_ms)
      if (!gap) strip = grow(strip, until, segment.class, segment.cause)
      else strip = grow(strip, until, MISSING.includes(segment.class) ? segment.class : 'interrupted', gap.cause)
    }
  }
  return strip
}

export interface StripSource {
  view: () => SessionView | null
  /** The applicant's leg. */
  leg: () => string | null
  /** The server's time in ms since the epoch. */
  now: () => number
  /** null while this page cannot judge (its own line is broken): such a stretch counts as what follows, or as the record tells. */
  seen: () => Seen | null
}

export function useLiveStrip(source: StripSource) {
  const grown = shallowRef<StripSegment[]>([])
  const lengthMs = shallowRef(0)
  const start = computed(() => {
    const at = source.view()?.call_started_at
    return at ? toMs(at) : null
  })
  const segments = computed(() => {
    const view = source.view()
    return view && start.value !== null ? told(grown.value, gapsOf(view, source.leg(), start.value, lengthMs.value)) : []
  })

  function tick(): void {
    const view = source.view()
    if (start.value === null || !view || !['live', 'interrupted', 'closing'].includes(view.phase)) return
    const at = Math.max(0, source.now() - start.value)
    lengthMs.value = at
    const seen = source.seen()
    if (seen) grown.value = grow(grown.value, at, grown.value.length || at < 2 * TICK_MS ? classOf(seen) : 'live')
    // A page opened in the middle knows nothing of what was before; the record does.
    else if (!grown.value.length) grown.value = grow([], at, 'live')
  }
  watch(start, () => (grown.value = []))
  const timer = setInterval(tick, TICK_MS)
  onBeforeUnmount(() => clearInterval(timer))
  return { segments, start, lengthMs }
}
export type LiveStrip = ReturnType<typeof useLiveStrip>
