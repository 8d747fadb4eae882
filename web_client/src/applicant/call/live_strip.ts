/** The second strip as the phone sees it: what it knows of its own camera, microphone and line. */
import type { Core } from '../session'
import { useLiveStrip as useStrip } from '../../shared/strip/live'

export type { LiveStrip } from '../../shared/strip/live'

export function useLiveStrip(session: Core) {
  return useStrip({
    view: () => session.view.value,
    leg: () => session.socket.value?.you.value?.leg ?? null,
    now: () => Date.now() + (session.socket.value?.clockOffsetMs.value ?? 0),
    seen: () => {
      const { flow, publisher, socket, view } = session
      const sender = publisher.value
      const sound = sender?.audioTrack
      return {
        connected: !flow.value.left && socket.value?.state.value === 'open' && sender?.state.value === 'up',
        picture: sender?.camera.value === 'live',
        sound: sound !== undefined && sound.readyState === 'live' && !sound.muted,
        masked: view.value?.mask[socket.value?.you.value?.leg ?? ''] === true,
        mutedAudio: sender?.mutedAudio.value ?? false,
        mutedVideo: sender?.mutedVideo.value ?? false,
      }
    },
  })
}
