/** What the phone has said about itself when it was asked for something. Pure. */
import type { SessionView } from '../../shared/protocol'

/** The phone answered the last request for light with "cannot". */
export function torchUnable(view: SessionView | null): boolean {
  const asked = (view?.requests ?? []).filter((request) => request.kind === 'torch')
  const last = asked[asked.length - 1]
  return last !== undefined && last.state === 'refused' && last.reason.includes('unsupported')
}

/** Is the phone's light on, by what it has confirmed. */
export function torchOn(view: SessionView | null): boolean {
  const done = (view?.requests ?? []).filter((request) => request.kind === 'torch' && request.state === 'done')
  const last = done[done.length - 1]
  return last !== undefined && (last.value === true || last.value === 'on')
}

/** The factor the phone has confirmed last, 1 at the start. */
export function zoomNow(view: SessionView | null): number {
  const done = (view?.requests ?? []).filter((request) => request.kind === 'zoom' && request.state === 'done')
  const value = done[done.length - 1]?.value
  return typeof value === 'number' && value > 0 ? value : 1
}
