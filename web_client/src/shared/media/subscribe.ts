/** What this device receives: the server offers all slots once; `slots` messages say who plays in which. */
import { shallowRef, type ShallowRef } from 'vue'

import type { ServerMessage, SessionView, Slot } from '../protocol'
import type { RecordSocket } from '../socket'

import { Link } from './link'
import { readQuality, type Quality } from './quality'

export interface LegMedia {
  leg: string
  name: string
  role: string
  /** Sound and camera; the object stays the same while the leg is there. */
  stream: MediaStream
  screen: MediaStream | null
  hasAudio: boolean
  hasCamera: boolean
}

export class Subscriber extends Link {
  readonly legs: ShallowRef<LegMedia[]> = shallowRef([])
  readonly quality: ShallowRef<Quality | null> = shallowRef(null)

  private slots: Slot[] = []
  private tracks = new Map<string, MediaStreamTrack>()
  private receivers = new Map<string, RTCRtpReceiver>()
  private streams = new Map<string, MediaStream>()
  private unlisten: (() => void) | null = null
  private qualityTimer: ReturnType<typeof setInterval> | undefined
  private lastStats: RTCStatsReport | null = null

  constructor(socket: RecordSocket<SessionView>) {
    super(socket)
  }

  start(): void {
    this.unlisten ??= this.socket.on('slots', (message) => {
      this.slots = message.slots
      this.arrange()
    })
    clearInterval(this.qualityTimer)
    this.qualityTimer = setInterval(() => void this.measure(), 2000)
    this.begin()
  }

  override stop(): void {
    this.unlisten?.()
    this.unlisten = null
    clearInterval(this.qualityTimer)
    super.stop()
    this.slots = []
    this.tracks.clear()
    this.arrange()
  }

  leg(leg: string): LegMedia | undefined {
    return this.legs.value.find((entry) => entry.leg === leg)
  }

  /** Loudness 0..1 of each leg now, for the edge around who speaks (RFC 6464 levels as the browser reads them). */
  levels(): Map<string, number> {
    const found = new Map<string, number>()
    for (const slot of this.slots) {
      if (slot.kind !== 'audio' || !slot.leg) continue
      const source = this.receivers.get(slot.mid)?.getSynchronizationSources?.()[0]
      found.set(slot.leg, source?.audioLevel ?? 0)
    }
    return found
  }

  protected override expectsProgress(): boolean {
    return this.slots.some((slot) => slot.leg !== null)
  }

  protected async negotiate(pc: RTCPeerConnection): Promise<void> {
    this.tracks.clear()
    this.receivers.clear()
    this.lastStats = null
    pc.ontrack = (event) => {
      const mid = event.transceiver.mid
      if (mid === null) return
      this.tracks.set(mid, event.track)
      this.receivers.set(mid, event.receiver)
    }
    await this.answer(pc, await this.socket.request({ type: 'subscribe' }))
    this.arrange()
  }

  protected async renegotiate(pc: RTCPeerConnection): Promise<void> {
    await this.answer(pc, await this.socket.request({ type: 'restart.ice', direction: 'subscribe', offer: null }))
  }

  private async answer(pc: RTCPeerConnection, offered: ServerMessage): Promise<void> {
    if (offered.type !== 'offered' || this.pc !== pc) return
    await pc.setRemoteDescription({ type: 'offer', sdp: offered.offer })
    await pc.setLocalDescription(await pc.createAnswer())
    await this.socket.request({ type: 'subscribe.answer', answer: pc.localDescription?.sdp ?? '' })
  }

  private arrange(): void {
    const next = new Map<string, LegMedia>()
    for (const slot of this.slots) {
      const track = this.tracks.get(slot.mid)
      if (!slot.leg || !track) continue
      const entry: LegMedia = next.get(slot.leg) ?? {
        leg: slot.leg,
        name: slot.name,
        role: slot.role,
        stream: this.streamOf(slot.leg),
        screen: null,
        hasAudio: false,
        hasCamera: false,
      }
      if (slot.kind === 'audio') entry.hasAudio = true
      if (slot.kind === 'camera') entry.hasCamera = true
      if (slot.kind === 'screen') entry.screen = this.streamOf(`${slot.leg}/screen`)
      next.set(slot.leg, entry)
    }
    for (const [key, stream] of this.streams) {
      const wanted = this.slots
        .filter((slot) => (slot.kind === 'screen' ? `${slot.leg}/screen` : slot.leg) === key)
        .map((slot) => this.tracks.get(slot.mid))
      for (const track of stream.getTracks()) if (!wanted.includes(track)) stream.removeTrack(track)
      for (const track of wanted) if (track && !stream.getTracks().includes(track)) stream.addTrack(track)
      if (!wanted.length) this.streams.delete(key)
    }
    this.legs.value = Array.from(next.values())
  }

  private streamOf(key: string): MediaStream {
    const stream = this.streams.get(key) ?? new MediaStream()
    this.streams.set(key, stream)
    return stream
  }

  private async measure(): Promise<void> {
    if (!this.pc || this.state.value !== 'up') {
      this.quality.value = null
      return
    }
    const stats = await this.pc.getStats()
    this.quality.value = readQuality(stats, this.lastStats, 'inbound-rtp')
    this.lastStats = stats
  }
}
