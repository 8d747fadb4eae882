/**
 * One peer connection that keeps itself alive, publishing or subscribing.
 *
 *   idle ─start→ connecting ─connected→ up ─no progress for 2 s, failed, new network→ connecting …  ─stop→ idle
 *
 * A renewed connection is a new one from the ground: the recording starts a new epoch, the people see a gap of a second.
 */
import { shallowRef, watch, type ShallowRef } from 'vue'

import { LineLost, Refusal, type RecordSocket } from '../socket'

export type LinkState = 'idle' | 'connecting' | 'up' | 'stalled'

// Twice the time in which a healthy link always moves (feedback each 50 ms, sound each 20 ms), and still within patience.
const STALL_MS = 2000
const TICK_MS = 500
const CONNECT_WITHIN_MS = 8000
const RENEW_FIRST_MS = 500
const RENEW_MOST_MS = 8000

export abstract class Link {
  readonly state: ShallowRef<LinkState> = shallowRef('idle')
  readonly problem: ShallowRef<Refusal | null> = shallowRef(null)
  /** Since when nothing moves, by this device's clock. */
  readonly stalledSince: ShallowRef<number | null> = shallowRef(null)

  protected pc: RTCPeerConnection | null = null
  protected wanted = false
  private generation = 0
  private ticker: ReturnType<typeof setInterval> | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private pause = RENEW_FIRST_MS
  private counter = 0
  private movedAt = 0
  private moved = false
  private startedAt = 0
  private builtFor: string | null = null
  private undo: (() => void)[] = []

  constructor(protected readonly socket: RecordSocket) {}

  /** Makes the description exchange on a fresh connection. */
  protected abstract negotiate(pc: RTCPeerConnection): Promise<void>

  protected begin(): void {
    if (this.wanted) return
    this.wanted = true
    this.ticker = setInterval(() => void this.tick(), TICK_MS)
    window.addEventListener('online', this.onNetwork)
    this.undo = [
      this.socket.on('media.moved', () => this.renew(0)),
      // The line came back: the media may have lived on; a new leg means that they did not.
      this.socket.on('welcome', (message) => {
        if (this.builtFor !== null && message.you.leg !== this.builtFor) this.renew(0)
        else if (this.state.value !== 'up') this.renew(0)
      }),
      watch(this.socket.state, (state) => {
        if (state === 'replaced' || state === 'refused' || state === 'finished') this.stop()
      }),
    ]
    this.renew(0)
  }

  stop(): void {
    this.wanted = false
    this.generation++
    clearInterval(this.ticker)
    clearTimeout(this.timer)
    window.removeEventListener('online', this.onNetwork)
    for (const undo of this.undo) undo()
    this.undo = []
    this.drop()
    this.stalledSince.value = null
    this.state.value = 'idle'
  }

  /** Starts again after `delay` ms; calls made meanwhile collapse into one. */
  renew(delay: number): void {
    if (!this.wanted) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.build(), delay)
  }

  private async build(): Promise<void> {
    if (!this.wanted || this.socket.state.value !== 'open') return // `welcome` calls again
    const generation = ++this.generation
    this.drop()
    this.state.value = 'connecting'
    this.builtFor = this.socket.you.value?.leg ?? null
    this.startedAt = Date.now()
    this.moved = false
    this.counter = 0
    const pc = new RTCPeerConnection({ iceServers: this.socket.iceServers, bundlePolicy: 'max-bundle' })
    this.pc = pc
    pc.onconnectionstatechange = () => {
      if (this.pc !== pc) return
      if (pc.connectionState === 'connected') {
        this.movedAt = Date.now()
        this.stalledSince.value = null
        this.problem.value = null
        this.state.value = 'up'
      } else if (pc.connectionState === 'failed') this.again()
    }
    try {
      await this.negotiate(pc)
    } catch (error) {
      if (generation !== this.generation) return
      if (error instanceof Refusal) this.problem.value = error
      else if (!(error instanceof LineLost)) console.warn('media', error)
      this.again()
    }
  }

  private again(): void {
    if (this.stalledSince.value === null) this.stalledSince.value = Date.now()
    this.state.value = 'stalled'
    const pause = this.pause
    this.pause = Math.min(RENEW_MOST_MS, pause * 2)
    this.renew(pause)
  }

  private async tick(): Promise<void> {
    const pc = this.pc
    if (!pc || document.visibilityState === 'hidden') {
      this.movedAt = Date.now() // a sleeping page measures nothing; judged anew when it wakes
      return
    }
    if (this.state.value === 'connecting') {
      if (Date.now() - this.startedAt > CONNECT_WITHIN_MS) this.again()
      return
    }
    if (this.state.value !== 'up') return
    const counter = bytesHeard(await pc.getStats())
    if (this.pc !== pc) return
    if (counter > this.counter) {
      this.counter = counter
      this.movedAt = Date.now()
      this.moved = true
      this.pause = RENEW_FIRST_MS
    } else if (this.moved && this.expectsProgress() && Date.now() - this.movedAt > STALL_MS) {
      this.stalledSince.value = this.movedAt
      this.state.value = 'stalled'
      this.renew(0)
    }
  }

  /** False while silence is natural, so that it is not taken for a fault. */
  protected expectsProgress(): boolean {
    return true
  }

  private onNetwork = (): void => {
    if (this.state.value !== 'idle') this.renew(0)
  }

  private drop(): void {
    if (!this.pc) return
    this.pc.onconnectionstatechange = null
    this.pc.ontrack = null
    this.pc.close()
    this.pc = null
  }
}

/** Bytes that came from the other side: media when subscribing, feedback (RTCP) when publishing. */
function bytesHeard(stats: RTCStatsReport): number {
  let sum = 0
  stats.forEach((entry: { type: string; bytesReceived?: number }) => {
    if (entry.type === 'candidate-pair') sum += entry.bytesReceived ?? 0
  })
  return sum
}
