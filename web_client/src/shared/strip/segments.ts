/** The second strip as data: every second of a call in exactly one class (recordings/manifest.py uses the same words). */

export type StripClass = 'live' | 'frozen' | 'muted' | 'masked' | 'no_signal' | 'interrupted'

export interface StripSegment {
  from_ms: number
  to_ms: number
  class: StripClass
  cause: string | null
}

/** What is on record as it was (recordings/coverage.py counts the same). */
const RECORDED: readonly StripClass[] = ['live', 'muted', 'masked']

/** Share of the time that is on record, in per cent: a picture that stood still shows nothing of its seconds. */
export function coveragePercent(segments: readonly StripSegment[]): number {
  let all = 0
  let held = 0
  for (const segment of segments) {
    const length = Math.max(0, segment.to_ms - segment.from_ms)
    all += length
    if (RECORDED.includes(segment.class)) held += length
  }
  return all ? (100 * held) / all : 100
}

/** Grows a strip while a call runs: equal neighbours become one. Returns a new list. */
export function grow(
  segments: readonly StripSegment[],
  now_ms: number,
  kind: StripClass,
  cause: string | null = null,
): StripSegment[] {
  const last = segments[segments.length - 1]
  const from = last ? last.to_ms : 0
  if (now_ms <= from) return segments.slice()
  if (last && last.class === kind && last.cause === cause)
    return [...segments.slice(0, -1), { ...last, to_ms: now_ms }]
  return [...segments, { from_ms: from, to_ms: now_ms, class: kind, cause }]
}
