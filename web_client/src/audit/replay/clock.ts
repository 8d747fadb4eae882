/**
 * The one clock every leg of a replay follows.
 *
 * Theory of operation. A `<video>` keeps its own time, drifts, and stops in a gap; a recording of
 * several legs has none of them in common. So the replay owns a clock: a base position plus the
 * monotonic time passed since, times the speed. The players are slaved to it (`slave`): a small
 * difference is walked off by playing a little faster or slower, a large one by a seek. In a gap the
 * clock simply goes on: every second of the recording takes a second to pass.
 *
 * Pure: monotonic time comes in as an argument; nothing here reads a clock or touches the DOM.
 * Positions and lengths are milliseconds since the start of the record.
 */

/** Speeds offered on the transport, slowest first. 16 is as fast as Chromium decodes with sound. */
export const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8, 16] as const

export interface ClockState {
  /** Position at the time `since`. */
  readonly base: number
  /** Monotonic milliseconds at which `base` was true. */
  readonly since: number
  readonly speed: number
  /** -1 while going back, 1 forward. Going back moves by jumps: no decoder plays backwards. */
  readonly direction: 1 | -1
  readonly playing: boolean
  /** Waiting for data: the clock stands although it is playing. */
  readonly held: boolean
  readonly length: number
  /** Loop between two positions, or null. */
  readonly loop: readonly [number, number] | null
}

export function stopped(length: number, at = 0): ClockState {
  return { base: at, since: 0, speed: 1, direction: 1, playing: false, held: false, length, loop: null }
}

/** Where the clock stands at monotonic time `now`. Never outside the record, never outside a loop. */
export function position(clock: ClockState, now: number): number {
  if (!clock.playing || clock.held) return clamp(clock.base, clock.length)
  const raw = clock.base + (now - clock.since) * clock.speed * clock.direction
  if (clock.loop !== null && clock.direction === 1) {
    const [from, to] = clock.loop
    if (raw > to && clock.base <= to) return from + ((raw - from) % Math.max(1, to - from))
  }
  return clamp(raw, clock.length)
}

/** True when playing has come to the end (or, going back, to the start). */
export function atEnd(clock: ClockState, now: number): boolean {
  const at = position(clock, now)
  return clock.direction === 1 ? at >= clock.length : at <= 0
}

function rebased(clock: ClockState, now: number, change: Partial<ClockState>): ClockState {
  return { ...clock, base: position(clock, now), since: now, ...change }
}

/** Start; at the end, start again from the beginning. */
export function play(clock: ClockState, now: number): ClockState {
  const again = !clock.playing && clock.base >= clock.length && clock.length > 0
  return rebased(clock, now, { playing: true, direction: 1, ...(again ? { base: 0 } : {}) })
}

export function pause(clock: ClockState, now: number): ClockState {
  return rebased(clock, now, { playing: false, speed: 1, direction: 1 })
}

export function seek(clock: ClockState, now: number, at: number): ClockState {
  return rebased(clock, now, { base: clamp(at, clock.length) })
}

export function setSpeed(clock: ClockState, now: number, speed: number): ClockState {
  return rebased(clock, now, { speed })
}

/** Data is missing (`true`) or has come (`false`). */
export function hold(clock: ClockState, now: number, held: boolean): ClockState {
  return clock.held === held ? clock : rebased(clock, now, { held })
}

/** The record has grown: replay works while the call is still going on. */
export function grow(clock: ClockState, length: number): ClockState {
  return length > clock.length ? { ...clock, length } : clock
}

export function setLoop(clock: ClockState, now: number, loop: readonly [number, number] | null): ClockState {
  return rebased(clock, now, { loop })
}

/** J, K, L of an editing desk: L goes forward, again faster; J back, again faster; each turns the other round. */
export function shuttle(clock: ClockState, now: number, direction: 1 | -1): ClockState {
  if (!clock.playing || clock.direction !== direction) {
    return rebased(clock, now, { playing: true, direction, speed: 1 })
  }
  return rebased(clock, now, { speed: faster(clock.speed) })
}

export function faster(speed: number): number {
  return SPEEDS.find((step) => step > speed) ?? SPEEDS[SPEEDS.length - 1]!
}

export function slower(speed: number): number {
  return [...SPEEDS].reverse().find((step) => step < speed) ?? SPEEDS[0]
}

/** Differences below this are inside what a browser reports for `currentTime`. */
const IN_STEP_MS = 40
/** Above this nobody waits for a slow approach: seek. Also the longest A/V difference an eye forgives between two pictures. */
const SEEK_MS = 500
/** The most a player's speed is bent; sound keeps its pitch and the ear does not notice. */
const BEND = 0.08

export interface Correction {
  readonly rate: number
  /** Position to seek the player to, or null. */
  readonly seekTo: number | null
}

/**
 * How one player gets back in step. `target` and `actual` are on the player's own axis, ms.
 * Going back is done by seeks alone, at most one each 250 ms (the caller's tick).
 */
export function slave(target: number, actual: number, speed: number, direction: 1 | -1): Correction {
  const behind = target - actual
  if (direction === -1) return { rate: 0, seekTo: Math.abs(behind) > 200 ? target : null }
  const tolerated = SEEK_MS * Math.max(1, speed)
  if (Math.abs(behind) > tolerated) return { rate: speed, seekTo: target }
  if (Math.abs(behind) <= IN_STEP_MS * Math.max(1, speed)) return { rate: speed, seekTo: null }
  const bend = Math.max(-BEND, Math.min(BEND, behind / 1000))
  return { rate: speed * (1 + bend), seekTo: null }
}

function clamp(value: number, length: number): number {
  return Math.max(0, Math.min(length, value))
}
