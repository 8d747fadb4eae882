/** What this device sends: one connection, one offer, sound and camera (and a screen, where a browser can share one). */
import { shallowRef, type ShallowRef } from 'vue'

import type { SessionView, TrackKind } from '../protocol'
import type { RecordSocket } from '../socket'

import { openMedia, type Facing, type Profile } from './devices'
import { Link } from './link'
import { readQuality, type Quality } from './quality'

const MAX_BITRATE: Record<Profile, number> = { applicant: 2_500_000, officer: 600_000 }
const SCREEN_BITRATE = 1_500_000

export class Publisher extends Link {
  readonly stream: ShallowRef<MediaStream | null> = shallowRef(null)
  readonly facing: ShallowRef<Facing> = shallowRef('environment')
  readonly mutedAudio = shallowRef(false)
  readonly mutedVideo = shallowRef(false)
  /** 'ended': the phone took the camera away (a call, another app); only a new getUserMedia brings it back. */
  readonly camera: ShallowRef<'none' | 'live' | 'paused' | 'ended'> = shallowRef('none')
  readonly quality: ShallowRef<Quality | null> = shallowRef(null)

  private screen: MediaStream | null = null
  private senders = new Map<TrackKind, RTCRtpSender>()
  private qualityTimer: ReturnType<typeof setInterval> | undefined
  private lastStats: RTCStatsReport | null = null

  constructor(
    socket: RecordSocket<SessionView>,
    private readonly profile: Profile,
  ) {
    super(socket)
    this.facing.value = profile === 'applicant' ? 'environment' : 'user'
  }

  get cameraTrack(): MediaStreamTrack | undefined {
    return this.stream.value?.getVideoTracks()[0]
  }

  get audioTrack(): MediaStreamTrack | undefined {
    return this.stream.value?.getAudioTracks()[0]
  }

  /** Publishes `stream` and keeps it published until `stop`. Muting before or during is kept over reconnects. */
  start(stream: MediaStream, facing: Facing = this.facing.value): void {
    this.facing.value = facing
    this.adopt(stream)
    clearInterval(this.qualityTimer)
    this.qualityTimer = setInterval(() => void this.measure(), 2000)
    this.begin()
  }

  override stop(): void {
    clearInterval(this.qualityTimer)
    super.stop()
    this.senders.clear()
  }

  /** `stop`, and the camera's light goes out. */
  close(): void {
    this.stop()
    for (const stream of [this.stream.value, this.screen]) for (const track of stream?.getTracks() ?? []) track.stop()
    this.stream.value = null
    this.screen = null
    this.camera.value = 'none'
  }

  setMuted(kind: 'audio' | 'video', muted: boolean): void {
    ;(kind === 'audio' ? this.mutedAudio : this.mutedVideo).value = muted
    const track = kind === 'audio' ? this.audioTrack : this.cameraTrack
    if (track) track.enabled = !muted
  }

  /** Opens camera (and microphone) again after the phone took them away. Needs a tap on iPhones. */
  async reopen(facing: Facing = this.facing.value): Promise<void> {
    for (const track of this.stream.value?.getTracks() ?? []) track.stop()
    const opened = await openMedia({ profile: this.profile, facing })
    this.facing.value = facing
    this.adopt(opened.stream)
    await this.replace('camera', this.cameraTrack ?? null)
    await this.replace('audio', this.audioTrack ?? null)
    if (!this.senders.has('camera')) this.renew(0)
  }

  /** The other lens; the connection stays, the recording goes on. The old one is let go first: many phones open only one. */
  async switchCamera(): Promise<Facing> {
    const facing: Facing = this.facing.value === 'environment' ? 'user' : 'environment'
    const stream = this.stream.value
    const old = this.cameraTrack
    old?.stop()
    try {
      const opened = await openMedia({ profile: this.profile, facing, audio: false })
      this.facing.value = facing
      this.adopt(new MediaStream([...opened.stream.getVideoTracks(), ...(stream?.getAudioTracks() ?? [])]))
    } catch (error) {
      const back = await openMedia({ profile: this.profile, facing: this.facing.value, audio: false })
      this.adopt(new MediaStream([...back.stream.getVideoTracks(), ...(stream?.getAudioTracks() ?? [])]))
      await this.replace('camera', this.cameraTrack ?? null)
      throw error
    }
    await this.replace('camera', this.cameraTrack ?? null)
    return facing
  }

  /** Adds or takes away a shared screen: a new offer, so a new connection. */
  setScreen(screen: MediaStream | null): void {
    for (const track of this.screen?.getTracks() ?? []) track.stop()
    this.screen = screen
    this.renew(0)
  }

  private adopt(stream: MediaStream): void {
    this.stream.value = stream
    const camera = stream.getVideoTracks()[0]
    const audio = stream.getAudioTracks()[0]
    if (audio) audio.enabled = !this.mutedAudio.value
    if (!camera) {
      this.camera.value = 'none'
      return
    }
    camera.enabled = !this.mutedVideo.value
    const judge = (): void => {
      if (this.cameraTrack !== camera) return
      this.camera.value = camera.readyState === 'ended' ? 'ended' : camera.muted ? 'paused' : 'live'
    }
    camera.onended = judge
    camera.onmute = judge
    camera.onunmute = judge
    judge()
  }

  private async replace(kind: TrackKind, track: MediaStreamTrack | null): Promise<void> {
    await this.senders.get(kind)?.replaceTrack(track)
  }

  protected async negotiate(pc: RTCPeerConnection): Promise<void> {
    this.senders.clear()
    this.lastStats = null
    const parts: [TrackKind, MediaStreamTrack][] = []
    if (this.audioTrack) parts.push(['audio', this.audioTrack])
    if (this.cameraTrack) parts.push(['camera', this.cameraTrack])
    const screen = this.screen?.getVideoTracks()[0]
    if (screen) parts.push(['screen', screen])
    const transceivers = parts.map(([kind, track]) => {
      const transceiver = this.add(pc, kind, track)
      this.senders.set(kind, transceiver.sender)
      return [kind, transceiver] as const
    })
    await pc.setLocalDescription(await pc.createOffer())
    const answer = await this.socket.request({
      type: 'publish',
      offer: pc.localDescription?.sdp ?? '',
      tracks: transceivers.map(([kind, transceiver]) => ({ mid: transceiver.mid ?? '', kind })),
    })
    if (answer.type !== 'published' || this.pc !== pc) return
    await pc.setRemoteDescription({ type: 'answer', sdp: answer.answer })
    if (this.profile === 'applicant') await keepResolution(this.senders.get('camera'))
    await keepResolution(this.senders.get('screen'))
  }

  protected async renegotiate(pc: RTCPeerConnection): Promise<void> {
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }))
    const answer = await this.socket.request({
      type: 'restart.ice',
      direction: 'publish',
      offer: pc.localDescription?.sdp ?? '',
    })
    if (answer.type === 'published' && this.pc === pc) await pc.setRemoteDescription({ type: 'answer', sdp: answer.answer })
  }

  private add(pc: RTCPeerConnection, kind: TrackKind, track: MediaStreamTrack): RTCRtpTransceiver {
    if (kind === 'audio') return pc.addTransceiver(track, { direction: 'sendonly' })
    const encoding: RTCRtpEncodingParameters & { scalabilityMode?: string } = {
      maxBitrate: kind === 'screen' ? SCREEN_BITRATE : MAX_BITRATE[this.profile],
    }
    // Three temporal layers: a weak viewer is sent every second or fourth picture, the recording keeps all.
    if (kind === 'camera' && this.profile === 'applicant') encoding.scalabilityMode = 'L1T3'
    let transceiver: RTCRtpTransceiver
    try {
      transceiver = pc.addTransceiver(track, { direction: 'sendonly', sendEncodings: [encoding] })
    } catch {
      delete encoding.scalabilityMode // browsers that know no layers refuse the whole encoding
      transceiver = pc.addTransceiver(track, { direction: 'sendonly', sendEncodings: [encoding] })
    }
    preferVp8(transceiver)
    return transceiver
  }

  private async measure(): Promise<void> {
    if (!this.pc || this.state.value !== 'up') {
      this.quality.value = null
      return
    }
    const stats = await this.pc.getStats()
    this.quality.value = readQuality(stats, this.lastStats, 'outbound-rtp')
    this.lastStats = stats
  }
}

/** VP8 first. Where a browser has none, its H.264 is offered as it stands and the server takes the constrained baseline. */
function preferVp8(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs ?? []
  const vp8 = codecs.filter((codec) => codec.mimeType === 'video/VP8')
  if (!vp8.length || !transceiver.setCodecPreferences) return
  const rest = codecs.filter((codec) => codec.mimeType !== 'video/VP8')
  transceiver.setCodecPreferences([...vp8, ...rest.filter((codec) => codec.mimeType === 'video/rtx'), ...rest.filter((codec) => codec.mimeType !== 'video/rtx')])
}

/** A label must stay legible: let the rate of pictures fall, not their size (otherwise Chrome starts at 180p). */
async function keepResolution(sender: RTCRtpSender | undefined): Promise<void> {
  if (!sender) return
  try {
    const parameters = sender.getParameters() as RTCRtpSendParameters & { degradationPreference?: string }
    parameters.degradationPreference = 'maintain-resolution'
    await sender.setParameters(parameters)
  } catch {
    // Safari and Firefox do not know the preference; they keep the size well enough
  }
}
