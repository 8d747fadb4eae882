/** What the phone has said about itself when it was asked for something. Pure. */
import type { EitherView, SessionView } from '../../shared/protocol'

/** Somebody at a computer has no light, and a phone that answered the last request with "cannot" has none either. */
export function torchUnable(view: EitherView | null): boolean {
  if (view?.kind === 'help' && (view.screen || atComputer(view.device?.browser ?? ''))) return true
  const asked = (view?.requests ?? []).filter((request) => request.kind === 'torch')
  const last = asked[asked.length - 1]
  return last !== undefined && last.state === 'refused' && last.reason.includes('unsupported')
}

/** By what the browser calls itself; one that says nothing may be a phone. */
export function atComputer(browser: string): boolean {
  return browser !== '' && !/Android|iPhone|iPad|Mobile|HarmonyOS/i.test(browser)
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
