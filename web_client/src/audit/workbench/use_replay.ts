/** The replay as the page sees it: the clock, the players that follow it, and the record that may still be growing. */
import { computed, onBeforeUnmount, ref, shallowRef, type Ref } from 'vue'

import { archive } from '../archive'
import { atEnd, grow, hold, play, pause, position, seek, setLoop, setSpeed, shuttle, stopped, type ClockState } from '../replay/clock'
import { LegPlayer, type PlayerState } from '../replay/player'
import { stillUntil, type Timeline } from '../timeline'

/** How often players are set right. A frame is 33–66 ms; ten times a second keeps them in step and costs nothing. */
const TICK_MS = 100
/** How often a record that is still being made is asked for its newest seconds. */
const GROW_MS = 2000
/** Going back is a row of still pictures: each must have time to be decoded. */
const BACK_TICK_MS = 250

export function useReplay(timeline: Ref<Timeline | null>, reload: () => Promise<void>) {
  const clock = shallowRef<ClockState>(stopped(0))
  const at = ref(0)
  const states = ref<Record<string, PlayerState>>({})
  const skipStill = ref(false)
  const loopFrom = ref<number | null>(null)
  const players = new Map<string, LegPlayer>()
  let ticked = 0
  let backAt = 0

  const now = (): number => performance.now()
  const playing = computed(() => clock.value.playing)
  const held = computed(() => clock.value.held)

  function adopt(next: Timeline): void {
    clock.value = clock.value.length === 0 ? stopped(next.length_ms) : grow(clock.value, next.length_ms)
    for (const leg of next.legs) players.get(leg.leg)?.update(leg)
  }

  function attach(leg: string, video: HTMLVideoElement | null): void {
    players.get(leg)?.close()
    players.delete(leg)
    const found = timeline.value?.legs.find((entry) => entry.leg === leg)
    if (video && found) players.set(leg, new LegPlayer(found, video, archive))
  }

  function tick(): void {
    const time = now()
    if (time - ticked < TICK_MS) return
    ticked = time
    at.value = position(clock.value, time)
    if (clock.value.playing && atEnd(clock.value, time)) clock.value = pause(clock.value, time)
    if (clock.value.playing && skipStill.value && timeline.value) {
      const until = stillUntil(timeline.value.legs, at.value)
      if (until !== null && until > at.value) clock.value = seek(clock.value, time, until)
    }
    if (clock.value.direction === -1 && time - backAt < BACK_TICK_MS) return
    backAt = time
    let waiting = false
    const seen: Record<string, PlayerState> = {}
    for (const [leg, player] of players) {
      const state = player.tick({
        at: position(clock.value, time),
        speed: clock.value.speed,
        direction: clock.value.direction,
        playing: clock.value.playing && !clock.value.held,
      })
      seen[leg] = state
      if (state === 'loading') waiting = true
    }
    if (JSON.stringify(seen) !== JSON.stringify(states.value)) states.value = seen
    clock.value = hold(clock.value, time, clock.value.playing && waiting)
  }

  let frame = 0
  const loop = (): void => {
    tick()
    frame = requestAnimationFrame(loop)
  }
  frame = requestAnimationFrame(loop)
  const growing = window.setInterval(() => {
    if (timeline.value?.live) void reload()
  }, GROW_MS)

  onBeforeUnmount(() => {
    cancelAnimationFrame(frame)
    window.clearInterval(growing)
    players.forEach((player) => player.close())
    players.clear()
  })

  const change = (next: ClockState): void => {
    clock.value = next
    at.value = position(next, now())
  }

  return {
    clock,
    at,
    playing,
    held,
    states,
    skipStill,
    loopFrom,
    adopt,
    attach,
    retry: () => players.forEach((player) => player.retry()),
    toggle: () => change(clock.value.playing ? pause(clock.value, now()) : play(clock.value, now())),
    pause: () => change(pause(clock.value, now())),
    jump: (to: number) => change(seek(clock.value, now(), to)),
    step: (by: number) => change(seek(clock.value, now(), position(clock.value, now()) + by)),
    speed: (speed: number) => change(setSpeed(clock.value, now(), speed)),
    shuttle: (direction: 1 | -1) => change(shuttle(clock.value, now(), direction)),
    loopIn: () => {
      loopFrom.value = position(clock.value, now())
    },
    loopOut: () => {
      const to = position(clock.value, now())
      const from = loopFrom.value ?? 0
      if (to > from + 200) change(setLoop(clock.value, now(), [from, to]))
    },
    loopOff: () => change(setLoop(clock.value, now(), null)),
  }
}

export type Replay = ReturnType<typeof useReplay>
