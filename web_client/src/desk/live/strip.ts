/** The second strip of a running call, read from the view: what the server has told so far, not what this browser guesses. Pure. */
import type { View } from '../../shared/protocol'
import type { StripSegment } from '../../shared/strip/segments'

/** The applicant's strip from the call's start to `now` (ms since the epoch). */
export function liveStrip(view: View, now: number): StripSegment[] {
  if (view.call_started_at === null) return []
  const start = new Date(view.call_started_at).getTime()
  const length = Math.max(0, now - start)
  const leg = view.people.find((person) => person.role === 'applicant')?.leg
  const gaps = view.interruptions
    .filter((entry) => leg === undefined || entry.leg === leg || entry.leg === '')
    .map((entry) => ({
      from: clamp(new Date(entry.from).getTime() - start, length),
      to: entry.to === null ? length : clamp(new Date(entry.to).getTime() - start, length),
      cause: entry.cause,
    }))
    .filter((entry) => entry.to > entry.from)
    .sort((a, b) => a.from - b.from)
  const strip: StripSegment[] = []
  let at = 0
  for (const gap of gaps) {
    if (gap.to <= at) continue
    const from = Math.max(gap.from, at)
    if (from > at) strip.push({ from_ms: at, to_ms: from, class: 'live', cause: null })
    strip.push({ from_ms: from, to_ms: gap.to, class: 'interrupted', cause: gap.cause })
    at = gap.to
  }
  if (length > at) strip.push({ from_ms: at, to_ms: length, class: 'live', cause: null })
  return strip
}

export interface LiveMark {
  at_ms: number
  kind: 'answer' | 'photo' | 'step'
  verdict: string | null
  item: string | null
}

/** Answers, photos and steps as marks above the strip. */
export function liveMarks(view: View): LiveMark[] {
  if (view.call_started_at === null) return []
  const start = new Date(view.call_started_at).getTime()
  const since = (at: string): number => new Date(at).getTime() - start
  const marks: LiveMark[] = []
  for (const item of view.checklist.items) {
    if (item.at !== null) marks.push({ at_ms: since(item.at), kind: 'answer', verdict: item.verdict, item: item.id })
  }
  for (const photo of view.photos) marks.push({ at_ms: since(photo.at), kind: 'photo', verdict: null, item: photo.item })
  for (const step of Object.values(view.steps)) {
    if (step?.done_at) marks.push({ at_ms: since(step.done_at), kind: 'step', verdict: null, item: null })
  }
  return marks.filter((mark) => mark.at_ms >= 0).sort((a, b) => a.at_ms - b.at_ms)
}

function clamp(value: number, length: number): number {
  return Math.max(0, Math.min(length, value))
}
