/**
 * One peer connection that keeps itself alive, publishing or subscribing.
 *
 *   idle ─start→ connecting ─connected→ up ─nothing moves for 1.5 s, or another network→ stalled
 *   stalled ─it moves again→ up · ─new addresses on the same keys help→ up · ─they do not within 3 s→ connecting …  ─stop→ idle
 *
 * New addresses (an ICE restart, RFC 8445 §9) cost nothing: the recording goes on in the same epoch. A new connection begins a
 * new epoch, and the people see a gap of a second. While the line to the server is down neither can be asked for, and the
 * connection is kept: where the signal comes back at the same address, the media come back by themselves.
 */
import { shallowRef, watch, type ShallowRef } from 'vue'

import type { SessionView } from '../protocol'
import { LineLost, Refusal, type RecordSocket } from '../socket'

export type LinkState = 'idle' | 'connecting' | 'up' | 'stalled'

// Long against what a healthy link always has (feedback each 100 ms, sound each 20 ms); new addresses cost nothing if it
// was only a pause, and pictures are there again within three seconds if the old address is gone.
const STALL_MS = 1500
// One question down the other line: it takes a second of its own until that is known to be gone too.
const DOUBT_MS = 600
const TICK_MS = 250
const CONNECT_WITHIN_MS = 8000
const RESTART_WITHIN_MS = 3000
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
  /** Whether anything has ever come over this connection. */
  private moved = false
  private startedAt = 0
  /** When new addresses were asked for; null when they were not, since it last moved. */
  private restartedAt: number | null = null
  private builtFor: string | null = null
  private undo: (() => void)[] = []

  constructor(protected readonly socket: RecordSocket<SessionView>) {}

  /** Makes the description exchange on a fresh connection. */
  protected abstract negotiate(pc: RTCPeerConnection): Promise<void>

  /** Makes the description exchange of an ICE restart on the standing connection. */
  protected abstract renegotiate(pc: RTCPeerConnection): Promise<void>

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
        else if (this.state.value !== 'up') this.recover()
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
    this.restartedAt = null
    this.moved = false
    this.counter = 0
    const pc = new RTCPeerConnection({ iceServers: this.socket.iceServers, bundlePolicy: 'max-bundle' })
    this.pc = pc
    pc.onconnectionstatechange = () => {
      if (this.pc !== pc) return
      if (pc.connectionState === 'connected') {
        if (this.state.value === 'connecting') this.flows()
      } else if (pc.connectionState === 'failed') {
        if (this.state.value === 'up') this.stalls()
        else this.again()
      }
    }
    try {
      await this.negotiate(pc)
    } catch (error) {
      if (generation !== this.generation) return
      this.note(error)
      this.again()
    }
  }

  /** The connection stands still: new addresses on the same keys, or where that has been tried, a new connection. */
  private recover(): void {
    if (!this.wanted || this.socket.state.value !== 'open') return // `welcome` calls again
    if (this.pc && this.moved && this.restartedAt === null && this.pc.signalingState === 'stable') void this.restart(this.pc)
    else if (this.restartedAt === null || Date.now() - this.restartedAt > RESTART_WITHIN_MS) this.renew(0)
  }

  private async restart(pc: RTCPeerConnection): Promise<void> {
    this.restartedAt = Date.now()
    clearTimeout(this.timer)
    pc.setConfiguration({ ...pc.getConfiguration(), iceServers: this.socket.iceServers }) // relays' passwords expire
    try {
      await this.renegotiate(pc)
    } catch (error) {
      if (this.pc !== pc) return
      this.note(error)
      // Refused: the worker no longer has this connection. With the line gone nothing is known: asked again on the next.
      if (!(error instanceof LineLost)) return this.renew(0)
      if (pc.signalingState === 'have-local-offer') await pc.setLocalDescription({ type: 'rollback' })
      this.restartedAt = null
    }
  }

  private note(error: unknown): void {
    if (error instanceof Refusal) this.problem.value = error
    else if (!(error instanceof LineLost)) console.warn('media', error)
  }

  private flows(): void {
    clearTimeout(this.timer)
    this.movedAt = Date.now()
    this.stalledSince.value = null
    this.problem.value = null
    this.restartedAt = null
    this.state.value = 'up'
  }

  private stalls(): void {
    this.stalledSince.value ??= this.movedAt
    this.state.value = 'stalled'
    this.recover()
  }

  private again(): void {
    this.stalledSince.value ??= Date.now()
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
    const counter = await bytesHeard(pc)
    if (this.pc !== pc) return
    const moves = counter > this.counter // a restart may count from nought again
    this.counter = counter
    const now = Date.now()
    if (moves) {
      this.moved = true
      if (this.restartedAt !== null && now - this.restartedAt > RESTART_WITHIN_MS) this.restartedAt = null
      this.pause = RENEW_FIRST_MS
      if (this.state.value === 'stalled') this.flows()
      this.movedAt = now
    } else if (this.state.value === 'up') {
      if (!this.moved || !this.expectsProgress()) return
      if (now - this.movedAt > STALL_MS) this.stalls()
      else if (now - this.movedAt > DOUBT_MS) this.socket.doubt()
    } else if (this.restartedAt !== null && now - this.restartedAt > RESTART_WITHIN_MS) this.recover()
  }

  /** False while silence is natural, so that it is not taken for a fault. */
  protected expectsProgress(): boolean {
    return true
  }

  private onNetwork = (): void => {
    // The old address may be gone or not: new ones do no harm.
    if (this.state.value === 'up') this.recover()
    else if (this.state.value === 'stalled') this.renew(0)
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
async function bytesHeard(pc: RTCPeerConnection): Promise<number> {
  // All media share one transport: what one track's report says of it is enough, and a tenth of the whole one.
  const one = pc.getSenders().find((sender) => sender.track) ?? pc.getReceivers()[0]
  return (one && count(await one.getStats())) ?? count(await pc.getStats()) ?? 0
}

/** null where a report says nothing of the transport. */
function count(stats: RTCStatsReport): number | null {
  let pairs: number | null = null
  let transport: number | null = null
  stats.forEach((entry: { type: string; bytesReceived?: number }) => {
    if (entry.type === 'candidate-pair') pairs = (pairs ?? 0) + (entry.bytesReceived ?? 0)
    // Goes on counting over a restart; Safari and older Firefox know only the pairs.
    if (entry.type === 'transport' && entry.bytesReceived !== undefined) transport = (transport ?? 0) + entry.bytesReceived
  })
  return transport ?? pairs
}
