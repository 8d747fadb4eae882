/** The Timeline as the server gives it (GET /api/records/{record}/timeline), and readings of it. Times: ms since its start. */
import type { ClusterMark, EpochLine, LegLine, MarkLine, Segment, Timeline } from '../schemas/api'

export type { Timeline }
export type StripPart = Segment
export type SecondClass = Segment['class']
/** [number, start ms in the epoch, length ms, bytes, 1 when it starts with a keyframe] */
export type Cluster = Readonly<ClusterMark>
export type Epoch = EpochLine
export type TimelineLeg = LegLine
export type MarkKind = MarkLine['kind']
/** What is on the page; only marks that come from an item, a photo or a file name one. */
export type Mark = Omit<MarkLine, 'item' | 'photo' | 'file' | 'verdict'> &
  Partial<Pick<MarkLine, 'item' | 'photo' | 'file' | 'verdict'>>

/** The part of a strip that holds `at`, or null outside it. */
export function partAt(strip: readonly StripPart[], at: number): StripPart | null {
  return strip.find((part) => part.from_ms <= at && at < part.to_ms) ?? null
}

/** Index of the last mark at or before `at`, -1 before the first. Marks are in order of time. */
export function markBefore(marks: readonly Mark[], at: number): number {
  let found = -1
  marks.forEach((mark, index) => {
    if (mark.at_ms <= at) found = index
  })
  return found
}

/** The mark to jump to from `at`: the next one (1), or the one before (-1) with half a second of grace so that repeated presses walk back. */
export function neighbour(marks: readonly Mark[], at: number, direction: 1 | -1): Mark | null {
  if (direction === 1) return marks.find((mark) => mark.at_ms > at + 1) ?? null
  const earlier = marks.filter((mark) => mark.at_ms < at - 500)
  return earlier[earlier.length - 1] ?? null
}

const SIGN: Readonly<Record<string, string>> = { conforms: '✓', fails: '✕', na: '–', not_seen: '?' }

/** The sign of an answer, beside its words; a ring where the item is open again. */
export function answerSign(mark: Mark): string {
  return SIGN[mark.verdict ?? ''] ?? '○'
}

/** A mark's stable name on the page. Gaps come from the manifest, not from an event, and have no number of their own. */
export function markId(mark: Mark): string {
  return mark.seq > 0 ? String(mark.seq) : `gap-${mark.at_ms}`
}

/** Whose picture is the large one: the applicant's, else the first leg. */
export function mainLeg(legs: readonly TimelineLeg[]): TimelineLeg | null {
  return legs.find((leg) => leg.role === 'applicant') ?? legs[0] ?? null
}

/** From `at`, the end of a stretch in which no leg is live (frozen, no signal, interrupted), or null when somebody is. */
export function stillUntil(legs: readonly TimelineLeg[], at: number): number | null {
  let until = Number.POSITIVE_INFINITY
  for (const leg of legs) {
    const part = partAt(leg.strip, at)
    if (part === null) continue
    if (part.class === 'live' || part.class === 'muted' || part.class === 'masked') return null
    until = Math.min(until, part.to_ms)
  }
  return Number.isFinite(until) ? until : null
}
