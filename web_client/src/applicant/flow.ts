/**
 * The applicant's way through the pages A1–A14 as one pure reducer. What the server knows (phase, signatures) decides first; only
 * what it cannot know (which preparing page is open, whether this page has entered the call) is kept here.
 *
 *   landing → code → steps → consent → check → wait → call → sheet → sign → done
 *                              └ refuse → declined
 */
import type { Landing } from '../shared/api'
import type { EitherView } from '../shared/protocol'
import type { Signed } from '../shared/sign'
import type { SocketState } from '../shared/socket'

/** Pages before the server has anything to say about them. */
export type Preparing = 'landing' | 'code' | 'steps' | 'consent' | 'check'
export type Page =
  | 'loading'
  | 'problem'
  | Preparing
  | 'wait'
  | 'call'
  | 'left'
  | 'sheet'
  | 'sign'
  | 'done'
  | 'witness'
  | 'declined'
  | 'replaced'

export interface PageProblem {
  code: string
  text: string
  phone: string
}

export interface Flow {
  landing: Landing | null
  problem: PageProblem | null
  preparing: Preparing
  /** The second factor was given on this device. */
  joined: boolean
  view: EitherView | null
  socket: SocketState
  /** 进入勘验 was tapped since this page was opened; a tap is what lets a browser play sound. */
  entered: boolean
  left: boolean
  signing: boolean
  /** Signed on this page; the view follows a moment later, or, if 'kept', when the time proof can be had. */
  signed: Signed | null
}

export type Action =
  | { type: 'landed'; landing: Landing }
  | { type: 'failed'; problem: PageProblem }
  | { type: 'go'; to: Preparing }
  | { type: 'joined' }
  | { type: 'refusedJoin' }
  | { type: 'view'; view: EitherView | null }
  | { type: 'socket'; state: SocketState }
  | { type: 'enter' }
  | { type: 'leave' }
  | { type: 'return' }
  | { type: 'toSign' }
  | { type: 'backToSheet' }
  | { type: 'signed'; how: Signed }

export const START: Flow = {
  landing: null,
  problem: null,
  preparing: 'landing',
  joined: false,
  view: null,
  socket: 'idle',
  entered: false,
  left: false,
  signing: false,
  signed: null,
}

export function reduce(flow: Flow, action: Action): Flow {
  switch (action.type) {
    case 'landed':
      return { ...flow, landing: action.landing, problem: null }
    case 'failed':
      return { ...flow, problem: action.problem }
    case 'go':
      return { ...flow, preparing: action.to }
    case 'joined':
      return { ...flow, joined: true, preparing: flow.preparing === 'code' ? 'steps' : flow.preparing }
    case 'refusedJoin':
      return { ...flow, joined: false, view: null, preparing: 'code' }
    case 'view':
      return { ...flow, view: action.view, preparing: preparingAfter(flow, action.view) }
    case 'socket':
      return { ...flow, socket: action.state }
    case 'enter':
      return { ...flow, entered: true, left: false }
    case 'leave':
      return { ...flow, left: true, entered: false }
    case 'return':
      return { ...flow, left: false, entered: true }
    case 'toSign':
      return { ...flow, signing: true }
    case 'backToSheet':
      return { ...flow, signing: false }
    case 'signed':
      return { ...flow, signed: action.how, signing: false }
  }
}

/** Who comes back to a record that already has their consent goes on with the phone check. */
function preparingAfter(flow: Flow, view: EitherView | null): Preparing {
  // Arrived in the waiting room: from here on `check` means checking once more.
  if (view?.phase === 'waiting' && flow.view?.phase !== 'waiting') return 'steps'
  if (view?.phase === 'invited' && view.consent && ['landing', 'code', 'steps', 'consent'].includes(flow.preparing))
    return 'check'
  if (view?.phase === 'invited' && !view.consent && ['landing', 'code'].includes(flow.preparing)) return 'steps'
  return flow.preparing
}

export function ownSignature(view: EitherView): 'waiting' | 'signed' | 'refused' | null {
  return view.signers.find((signer) => signer.role === 'applicant')?.state ?? null
}

export function pageOf(flow: Flow): Page {
  if (flow.problem) return 'problem'
  if (!flow.landing) return 'loading'
  if (flow.socket === 'replaced') return flow.preparing === 'code' ? 'code' : 'replaced'
  if (!flow.joined) return flow.preparing === 'code' ? 'code' : 'landing'
  if (flow.landing.role === 'witness') return 'witness'
  const view = flow.view
  if (!view) return 'loading'
  switch (view.phase) {
    case 'declined':
      return 'declined'
    case 'closed':
      return 'done'
    case 'closing': {
      if (view.kind === 'help') return 'done' // nobody signs
      const own = ownSignature(view)
      if (flow.signed || own === 'signed' || own === 'refused') return 'done'
      return flow.signing ? 'sign' : 'sheet'
    }
    case 'live':
    case 'interrupted':
      if (flow.left) return 'left'
      return flow.entered ? 'call' : 'wait'
    case 'waiting':
      return flow.preparing === 'check' ? 'check' : 'wait'
    case 'invited':
      return flow.preparing === 'landing' || flow.preparing === 'code' ? 'steps' : flow.preparing
  }
}
