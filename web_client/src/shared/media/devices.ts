/** Camera, microphone and what can be done to them: opening with one remedy per fault, torch, zoom, changing the lens. */

export type DeviceCode = 'C01' | 'C02' | 'C03' | 'C04' | 'C05' | 'C06' | 'C07'

/** A fault of the device that the person can mend; the sentence for `code` is in messages/…/problems.ts. */
export class DeviceProblem extends Error {
  constructor(
    readonly code: DeviceCode,
    cause?: unknown,
  ) {
    super(`${code} ${cause instanceof Error ? `${cause.name}: ${cause.message}` : ''}`)
  }
}

export type Facing = 'environment' | 'user'
export type Profile = 'applicant' | 'officer'

/** 720p is what a label or a thermometer needs to be read; officers are only to be recognised. */
const PICTURE: Record<Profile, MediaTrackConstraints> = {
  applicant: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
  officer: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 15, max: 15 } },
}
const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }

export interface OpenOptions {
  profile: Profile
  facing?: Facing
  /** false: picture only */
  audio?: boolean
  /** false: sound only */
  video?: boolean
}

export interface Opened {
  stream: MediaStream
  facing: Facing
  /** The microphone's fault, if only the picture could be opened. */
  soundProblem: DeviceProblem | null
}

export function canCapture(): boolean {
  return Boolean(navigator.mediaDevices?.getUserMedia) && typeof RTCPeerConnection === 'function'
}

/**
 * Opens camera and microphone after a tap. Rejects with `DeviceProblem` if there is no picture; a missing microphone is told in
 * `soundProblem`, because a walk round without sound can still be mended.
 */
export async function openMedia(options: OpenOptions): Promise<Opened> {
  if (!canCapture()) throw new DeviceProblem('C06')
  const facing = options.facing ?? (options.profile === 'applicant' ? 'environment' : 'user')
  const video: MediaTrackConstraints = { ...PICTURE[options.profile], facingMode: { ideal: facing } }
  const wantsAudio = options.audio !== false
  if (options.video === false) {
    try {
      return { stream: await navigator.mediaDevices.getUserMedia({ audio: SOUND }), facing, soundProblem: null }
    } catch (error) {
      throw new DeviceProblem('C03', error)
    }
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: wantsAudio ? SOUND : false })
    return { stream, facing, soundProblem: null }
  } catch (error) {
    if (!wantsAudio) throw pictureProblem(error)
    // One of the two failed and the browser does not say which: the picture alone decides.
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video })
      return { stream, facing, soundProblem: new DeviceProblem('C03', error) }
    } catch (second) {
      throw pictureProblem(second)
    }
  }
}

/** W3C Media Capture §10.3: the names of getUserMedia's failures, and what they mean to a person. */
function pictureProblem(error: unknown): DeviceProblem {
  const name = error instanceof DOMException || error instanceof Error ? error.name : ''
  if (name === 'NotFoundError' || name === 'DevicesNotFoundError' || name === 'OverconstrainedError')
    return new DeviceProblem('C01', error)
  if (name === 'NotAllowedError' || name === 'SecurityError' || name === 'PermissionDeniedError')
    return new DeviceProblem('C02', error)
  if (name === 'NotReadableError' || name === 'AbortError' || name === 'TrackStartError')
    return new DeviceProblem('C04', error)
  return new DeviceProblem('C05', error)
}

// These are not in TypeScript's DOM library: W3C MediaStream Image Capture §§ 4–5.
interface ImageCapabilities extends MediaTrackCapabilities {
  torch?: boolean
  zoom?: { min: number; max: number; step: number }
}
interface ImageConstraintSet extends MediaTrackConstraintSet {
  torch?: boolean
  zoom?: number
}

export interface CameraAbilities {
  torch: boolean
  zoom: { min: number; max: number } | null
}

export function cameraAbilities(track: MediaStreamTrack | undefined): CameraAbilities {
  const can = (track?.getCapabilities?.() ?? {}) as ImageCapabilities
  return { torch: can.torch === true, zoom: can.zoom ? { min: can.zoom.min, max: can.zoom.max } : null }
}

/** False where this phone cannot light its torch from a page (every iPhone). */
export async function setTorch(track: MediaStreamTrack, on: boolean): Promise<boolean> {
  if (!cameraAbilities(track).torch) return false
  try {
    await track.applyConstraints({ advanced: [{ torch: on } as ImageConstraintSet] })
    return true
  } catch {
    return false
  }
}

/** The factor that was set, cut to what the lens can; null where a page cannot zoom. */
export async function setZoom(track: MediaStreamTrack, factor: number): Promise<number | null> {
  const range = cameraAbilities(track).zoom
  if (!range) return null
  const zoom = Math.min(range.max, Math.max(range.min, factor))
  try {
    await track.applyConstraints({ advanced: [{ zoom } as ImageConstraintSet] })
    return zoom
  } catch {
    return null
  }
}

export async function cameraCount(): Promise<number> {
  const devices = await navigator.mediaDevices.enumerateDevices()
  return devices.filter((device) => device.kind === 'videoinput').length
}

/** Loudness 0..1 of a microphone, for the level bar; call `stop` when done. */
export function soundLevel(stream: MediaStream): { read: () => number; stop: () => void } {
  const Context = window.AudioContext ?? (window as { webkitAudioContext?: typeof AudioContext }).webkitAudioContext
  if (!Context || stream.getAudioTracks().length === 0) return { read: () => 0, stop: () => undefined }
  const context = new Context()
  const analyser = context.createAnalyser()
  analyser.fftSize = 512
  const source = context.createMediaStreamSource(stream)
  source.connect(analyser)
  const samples = new Uint8Array(analyser.fftSize)
  return {
    read: () => {
      analyser.getByteTimeDomainData(samples)
      let sum = 0
      for (const sample of samples) sum += ((sample - 128) / 128) ** 2
      // Speech at arm's length has an RMS about 0.05 to 0.2.
      return Math.min(1, Math.sqrt(sum / samples.length) * 6)
    },
    stop: () => {
      source.disconnect()
      void context.close()
    },
  }
}
