/** A photograph from the running camera, in the lens's own resolution where the browser can, and its SHA-256 before it leaves. */

interface ImageCaptureLike {
  takePhoto(): Promise<Blob>
}
type ImageCaptureClass = new (track: MediaStreamTrack) => ImageCaptureLike

// Some drivers never answer takePhoto; then the frame on screen is better than no photo.
const TAKE_WITHIN_MS = 5000

export interface Photo {
  blob: Blob
  sha256: string
  takenAt: string
  /** 'frame': the picture of the video, not of the full sensor. */
  source: 'sensor' | 'frame'
}

export async function takePhoto(track: MediaStreamTrack, video: HTMLVideoElement): Promise<Photo> {
  const takenAt = new Date().toISOString()
  const full = await fromSensor(track)
  const blob = full ?? (await fromFrame(video))
  return { blob, sha256: await sha256Hex(await blob.arrayBuffer()), takenAt, source: full ? 'sensor' : 'frame' }
}

async function fromSensor(track: MediaStreamTrack): Promise<Blob | null> {
  const Capture = (window as { ImageCapture?: ImageCaptureClass }).ImageCapture
  if (!Capture || !('takePhoto' in Capture.prototype)) return null
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), TAKE_WITHIN_MS)
    })
    const blob = await Promise.race([new Capture(track).takePhoto(), late])
    return blob && blob.size > 0 ? blob : null
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}

async function fromFrame(video: HTMLVideoElement): Promise<Blob> {
  return jpegOf(stillOf(video))
}

/** The picture that a video shows now, in its own size. */
export function stillOf(video: HTMLVideoElement): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d')?.drawImage(video, 0, 0)
  return canvas
}

export function jpegOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/jpeg', 0.92)
  })
}

export async function sha256Hex(data: ArrayBuffer | Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', data)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
