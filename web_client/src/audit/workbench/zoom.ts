/** The part of the record the lanes show. Wheel moves it, Ctrl+wheel zooms around the pointer, and it follows the play head. Pure. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Closer than this nothing more is to be seen: a mark is a second. */
export const CLOSEST_MS = 10_000

export function whole(length: number): Span {
  return { from: 0, to: Math.max(1, length) }
}

function fit(from: number, size: number, length: number): Span {
  const width = Math.max(Math.min(size, length), Math.min(CLOSEST_MS, length), 1)
  const start = Math.max(0, Math.min(length - width, from))
  return { from: start, to: start + width }
}

/** `factor` below 1 zooms in; `at` stays where it is on the screen. */
export function zoom(span: Span, factor: number, at: number, length: number): Span {
  const size = (span.to - span.from) * factor
  const share = (at - span.from) / (span.to - span.from)
  return fit(at - share * Math.max(Math.min(size, length), Math.min(CLOSEST_MS, length)), size, length)
}

export function move(span: Span, by: number, length: number): Span {
  return fit(span.from + by, span.to - span.from, length)
}

/** Keeps the play head in view: turns the page when it leaves. */
export function follow(span: Span, at: number, length: number): Span {
  if (at >= span.from && at <= span.to) return span
  return fit(at - (span.to - span.from) * 0.1, span.to - span.from, length)
}

export interface Clipped<T> {
  part: T
  from_ms: number
  to_ms: number
}

/** The parts of a strip inside the span, moved to start at 0. */
export function clip<T extends { from_ms: number; to_ms: number }>(parts: readonly T[], span: Span): T[] {
  return parts
    .filter((part) => part.to_ms > span.from && part.from_ms < span.to)
    .map((part) => ({
      ...part,
      from_ms: Math.max(part.from_ms, span.from) - span.from,
      to_ms: Math.min(part.to_ms, span.to) - span.from,
    }))
}
