/** Whether a running picture moves. A call that has stopped sending shows its last picture for ever; frames do not lie. */
import { onBeforeUnmount, ref, type Ref } from 'vue'

const LOOK_MS = 1000
// A slow phone sends a picture a second; what stands longer than this stands still.
const STILL_AFTER_MS = 2500

export function usePictureMoves(video: () => HTMLVideoElement | null, moving: Ref<boolean>): Ref<number> {
  /** Seconds for which the picture has stood still; 0 while it moves. */
  const seconds = ref(0)
  let frames = -1
  let movedAt = Date.now()

  function look(): void {
    const element = video()
    const count = element?.getVideoPlaybackQuality?.().totalVideoFrames ?? -1
    // A page in the background draws nothing: it cannot tell.
    if (count !== frames || count < 0 || document.visibilityState === 'hidden') movedAt = Date.now()
    frames = count
    const still = Date.now() - movedAt
    moving.value = still < STILL_AFTER_MS
    seconds.value = moving.value ? 0 : Math.round(still / 1000)
  }
  const timer = window.setInterval(look, LOOK_MS)
  onBeforeUnmount(() => {
    window.clearInterval(timer)
    moving.value = true
  })
  return seconds
}
