/** The citizen's own screen, shown to the agent of a help service: only where a browser can, so on a desktop. */
import { computed, onBeforeUnmount, shallowRef, watch } from 'vue'

import type { Session } from '../session'
import { service, t } from '../text'

// Text must be legible, and a form does not move: few pictures, no larger than an agent's window shows.
const PICTURE: MediaTrackConstraints = { width: { max: 1920 }, height: { max: 1080 }, frameRate: { max: 10 } }

export function useSharedScreen({ view, publisher, send, say }: Session) {
  const stream = shallowRef<MediaStream | null>(null)
  // Some phones have the function and refuse; a fine pointer is what a desktop has.
  const able =
    service.value === 'help' &&
    typeof navigator.mediaDevices?.getDisplayMedia === 'function' &&
    window.matchMedia('(pointer: fine)').matches

  async function start(): Promise<void> {
    try {
      const opened = await navigator.mediaDevices.getDisplayMedia({ video: PICTURE, audio: false })
      const [track] = opened.getVideoTracks()
      if (!track) return
      track.contentHint = 'detail'
      track.onended = stop // the browser has a button of its own
      stream.value = opened
      publisher.value?.setScreen(opened)
    } catch (error) {
      // Who closes the browser's question has decided; nothing is wrong.
      if (!(error instanceof DOMException && error.name === 'NotAllowedError')) say({ code: '', text: t('help.screen.no') }, 4000)
    }
  }

  function stop(): void {
    if (stream.value === null) return
    stream.value = null
    publisher.value?.setScreen(null)
  }

  // The record follows what this browser does: after a reload too, which ends every sharing.
  const running = computed(() => view.value?.phase === 'live' || view.value?.phase === 'interrupted')
  watch(
    () => [running.value, view.value?.screen, stream.value !== null] as const,
    ([inCall, told, shares]) => {
      if (inCall && told !== undefined && told !== shares) void send({ do: 'screen.share', on: shares })
    },
    { immediate: true },
  )
  onBeforeUnmount(stop)

  return { able, stream, start, stop }
}

export type SharedScreen = ReturnType<typeof useSharedScreen>
