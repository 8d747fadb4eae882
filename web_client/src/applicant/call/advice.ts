/** Looks at the own picture once a second, small: too dark, covered, moved too fast. One hint at a time, never a verdict. */
import { onBeforeUnmount, ref, type Ref } from 'vue'

export type PictureHint = 'dark' | 'covered' | 'slow' | null

const WIDTH = 32
const HEIGHT = 18
// Mean brightness 0..255 of a lit room filmed by a phone is 90 to 150; a cellar without lamp 20 to 40.
const DARK = 42
const COVERED = 16
const COVERED_SPREAD = 8
// Mean difference of two pictures a second apart: a slow walk 10 to 25, a swing over 45.
const FAST = 48
// A hint must hold for this many looks before it is said, and is withdrawn as slowly.
const LOOKS = 3

export function usePictureHint(video: () => HTMLVideoElement | null): Ref<PictureHint> {
  const hint = ref<PictureHint>(null)
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH
  canvas.height = HEIGHT
  const context = canvas.getContext('2d', { willReadFrequently: true })
  let before: Float32Array | null = null
  let candidate: PictureHint = null
  let looks = 0

  function look(): void {
    const element = video()
    if (!context || !element || element.videoWidth === 0 || document.visibilityState === 'hidden') return
    context.drawImage(element, 0, 0, WIDTH, HEIGHT)
    const data = context.getImageData(0, 0, WIDTH, HEIGHT).data
    const now = new Float32Array(WIDTH * HEIGHT)
    let sum = 0
    for (let i = 0; i < now.length; i++) {
      now[i] = 0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!
      sum += now[i]!
    }
    const mean = sum / now.length
    let spread = 0
    let moved = 0
    for (let i = 0; i < now.length; i++) {
      spread += Math.abs(now[i]! - mean)
      if (before) moved += Math.abs(now[i]! - before[i]!)
    }
    spread /= now.length
    moved /= now.length
    before = now
    const seen: PictureHint =
      mean < COVERED && spread < COVERED_SPREAD ? 'covered' : mean < DARK ? 'dark' : moved > FAST ? 'slow' : null
    looks = seen === candidate ? looks + 1 : 1
    candidate = seen
    if (looks >= LOOKS) hint.value = seen
  }
  const timer = setInterval(look, 1000)
  onBeforeUnmount(() => clearInterval(timer))
  return hint
}
