/** Lines drawn by hand, as they go into the record. */
import type { SpotView } from '../protocol'

/** What the protocol takes of one line; a circle drawn by hand still looks like one. */
const MOST_SPOTS = 32

/** The line with at most as many spots as may be sent, evenly taken, first and last among them; to a thousandth of the picture. */
export function thinned(line: readonly SpotView[]): SpotView[] {
  const count = Math.min(line.length, MOST_SPOTS)
  return Array.from({ length: count }, (_, n) => {
    const spot = line[Math.round((n * (line.length - 1)) / Math.max(1, count - 1))]!
    return { x: share(spot.x), y: share(spot.y) }
  })
}

function share(value: number): number {
  return Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000
}
