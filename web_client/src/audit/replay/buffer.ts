/**
 * What to fetch, append and throw away so that a leg plays at a position.
 *
 * Theory of operation. A leg is a row of epochs; an epoch is one WebM or MP4: an init segment and clusters
 * of at most a second, listed with their times in the Timeline. MediaSource takes them in any order
 * as long as each run starts with a keyframe. The plan around the play head is therefore a matter of
 * numbers alone: the run starts at the newest keyframe at or before the head, goes on to `AHEAD_MS`
 * in front, and everything `BEHIND_MS` behind is let go (a browser refuses to append at about 150 MB).
 *
 * Pure: no DOM, no network. Cluster times are milliseconds since the start of their epoch; record
 * times are milliseconds since the start of the record.
 */
import type { Cluster, Epoch, TimelineLeg } from '../timeline'

/** In front of the play head. Ten clusters survive a slow link; more would be fetched for nothing on a jump. */
export const AHEAD_MS = 12_000
/** Kept behind the head, so that stepping back a few seconds is at once. */
export const BEHIND_MS = 20_000
/** Fetched at the same time for one leg: clusters are small, the round trip is what costs. */
export const PARALLEL = 3

export const clusterNumber = (cluster: Cluster): number => cluster[0]
export const clusterStart = (cluster: Cluster): number => cluster[1]
export const clusterEnd = (cluster: Cluster): number => cluster[1] + cluster[2]
export const isKeyframe = (cluster: Cluster): boolean => cluster[4] === 1

/** The epoch of a leg that plays at `at`, or null in a gap. */
export function epochAt(leg: Pick<TimelineLeg, 'epochs'>, at: number): Epoch | null {
  let found: Epoch | null = null
  for (const epoch of leg.epochs) {
    if (epoch.start_ms <= at && at < epoch.start_ms + epoch.length_ms) found = epoch
  }
  return found
}

/** The next epoch that starts after `at`: it is opened in advance so that a gap ends without a wait. */
export function epochAfter(leg: Pick<TimelineLeg, 'epochs'>, at: number): Epoch | null {
  let next: Epoch | null = null
  for (const epoch of leg.epochs) {
    if (epoch.start_ms > at && (next === null || epoch.start_ms < next.start_ms)) next = epoch
  }
  return next
}

/** Index of the last cluster that starts at or before `at`; 0 when `at` is before the first; -1 when there is none. */
export function clusterIndexAt(clusters: readonly Cluster[], at: number): number {
  if (clusters.length === 0) return -1
  let low = 0
  let high = clusters.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (clusterStart(clusters[middle]!) <= at) low = middle
    else high = middle - 1
  }
  return low
}

/** Index of the newest cluster with a keyframe at or before index `from` (the first cluster when none is marked). */
export function runStart(clusters: readonly Cluster[], from: number): number {
  for (let index = from; index > 0; index -= 1) {
    if (isKeyframe(clusters[index]!)) return index
  }
  return 0
}

export interface Plan {
  /** Numbers to fetch next, in the order they must be appended. */
  readonly fetch: readonly number[]
  /** Remove the media of this epoch before / after these times (ms in the epoch), or null. */
  readonly evictBefore: number | null
  readonly evictAfter: number | null
  /** True when the head can play now: its cluster and those back to the keyframe are there. */
  readonly ready: boolean
}

/**
 * The plan for one epoch.
 *
 * `head` is ms in the epoch; `loaded` and `pending` are cluster numbers appended and on their way; `last` is the number
 * asked for last. Media Source Extensions drop frames after a jump until a keyframe comes (§3.5.8, "need random access
 * point"), so a cluster that neither starts with one nor follows `last` is fetched together with its run, even if parts
 * of the run are there. More is fetched ahead at speed, so that 4× has as many of the viewer's own seconds in hand.
 */
export function plan(
  clusters: readonly Cluster[],
  head: number,
  loaded: ReadonlySet<number>,
  pending: ReadonlySet<number>,
  speed = 1,
  last: number | null = null,
): Plan {
  const at = clusterIndexAt(clusters, head)
  if (at === -1) return { fetch: [], evictBefore: null, evictAfter: null, ready: false }
  const first = runStart(clusters, at)
  const until = head + AHEAD_MS * Math.max(1, Math.min(speed, 4))
  const fetch: number[] = []
  let before = last
  let ready = true
  for (let index = first; index < clusters.length; index += 1) {
    const cluster = clusters[index]!
    if (index > at && clusterStart(cluster) > until) break
    const number = clusterNumber(cluster)
    const here = loaded.has(number)
    if (!here && index <= at) ready = false
    if (here || pending.has(number)) continue
    const follows = index > 0 && before === clusterNumber(clusters[index - 1]!)
    if (!follows && !isKeyframe(cluster)) {
      for (let early = runStart(clusters, index); early < index; early += 1) fetch.push(clusterNumber(clusters[early]!))
    }
    fetch.push(number)
    before = number
  }
  const behind = clusterStart(clusters[first]!) - BEHIND_MS
  const beyond = until + BEHIND_MS
  return {
    fetch: fetch.slice(0, Math.max(0, PARALLEL - pending.size)), // the rest of a run follows `last` on the next tick
    evictBefore: anyLoaded(clusters, loaded, (cluster) => clusterEnd(cluster) < behind) ? behind : null,
    evictAfter: anyLoaded(clusters, loaded, (cluster) => clusterStart(cluster) > beyond) ? beyond : null,
    ready,
  }
}

function anyLoaded(
  clusters: readonly Cluster[],
  loaded: ReadonlySet<number>,
  test: (cluster: Cluster) => boolean,
): boolean {
  return clusters.some((cluster) => loaded.has(clusterNumber(cluster)) && test(cluster))
}

/** Numbers that are gone once media before/after the given times was removed. */
export function evicted(
  clusters: readonly Cluster[],
  loaded: ReadonlySet<number>,
  before: number | null,
  after: number | null,
): number[] {
  return clusters
    .filter((cluster) => loaded.has(clusterNumber(cluster)))
    .filter(
      (cluster) =>
        (before !== null && clusterStart(cluster) < before) || (after !== null && clusterEnd(cluster) > after),
    )
    .map(clusterNumber)
}
