/**
 * What travels on `/api/ws?record=…` (signaling/messages.py) and inside it (office/session.py, inspection/view.py).
 * Times are ISO 8601 strings in UTC. Shapes of the view are the server's own (schemas/api.ts); here only its closed lists
 * of words are named, which the wire carries as plain strings.
 */

import type * as wire from '../schemas/api'

export const PROTOCOL_VERSION = 1

/** Close codes 4000–4999 are ours; see `CloseCode` in signaling/messages.py for what a client does on each. */
export const CLOSE = {
  unsupported: 1003,
  tooBig: 1009,
  tryLater: 1013,
  replaced: 4001,
  tooSlow: 4002,
  protocolError: 4003,
  notAllowed: 4004,
  silent: 4005,
  finished: 4006,
} as const

export type TrackKind = 'audio' | 'camera' | 'screen'
export type Direction = 'publish' | 'subscribe'
export type Role = 'applicant' | 'lead' | 'assist' | 'expert' | 'system'
export type Scalar = string | number | boolean | null

// ------------------------------------------------------------------------------------------------ client → server

export type ClientMessage =
  | { type: 'hello'; version: number; resume: string | null; view_only: boolean }
  | { type: 'command'; id: string; command: Command }
  | { type: 'publish'; id: string; offer: string; tracks: { mid: string; kind: TrackKind }[] }
  | { type: 'subscribe'; id: string }
  | { type: 'subscribe.answer'; id: string; answer: string }
  | { type: 'restart.ice'; id: string; direction: Direction; offer: string | null }
  | { type: 'point'; x: number; y: number }
  | { type: 'ping'; t: number }

export type AnswerValue = 'conforms' | 'fails' | 'not_applicable' | 'not_seen'
export type AskKind = 'torch' | 'lens' | 'zoom' | 'closer' | 'slower' | 'text'
export type StepName =
  | 'identity'
  | 'show_credentials'
  | 'tell_rights'
  | 'consent_to_recording'
  | 'walk_round'
  | 'read_back'
export type ResultName = 'pass' | 'rectify_and_reinspect' | 'go_on_site' | 'fail' | 'suspend'

export type Place = Pick<wire.PlaceView, 'lat' | 'lon' | 'accuracy_m'>

export type Command =
  | { do: 'consent.give'; version: string }
  | { do: 'consent.refuse' }
  | {
      do: 'device.report'
      camera: boolean
      microphone: boolean
      place: Place | null
      kbps_up: number | null
      loss_percent: number | null
      battery: number | null
      browser: string
    }
  | { do: 'wait.enter' }
  | { do: 'wait.message'; text: string }
  | { do: 'call.start' }
  | { do: 'call.leave' }
  | {
      do: 'interruption.report'
      cause: 'phone_call' | 'hidden' | 'camera_lost' | 'network' | 'other'
      started_at: string
      ended_at: string | null
    }
  | { do: 'say'; text: string }
  | { do: 'ask'; kind: AskKind; value: string | number | boolean | null; text: string }
  | { do: 'ask.reply'; request: string; done: boolean; reason: string }
  | ({ do: 'place.report' } & Place)
  | { do: 'mute.report'; kind: 'audio' | 'video'; muted: boolean }
  | { do: 'mask.set'; leg: string; on: boolean }
  | { do: 'step.mark'; step: StepName; method: string; note: string }
  | {
      do: 'answer.set'
      item: string
      value: AnswerValue | null
      measured?: number | null
      choice?: string | null
      text?: string | null
      note: string
      seen_seq: number
    }
  | { do: 'photo.ask'; item: string | null; text: string }
  | { do: 'photo.refuse'; request: string; reason: string }
  | { do: 'close'; result: ResultName; note: string; rectify_by?: string | null }
  | { do: 'sheet.object'; item: string | null; text: string }
  | { do: 'sheet.read' }
  | { do: 'call.end' }
  | { do: 'card.push'; title: string; steps: string[] }
  | { do: 'card.tick'; card: string; step: number; done: boolean }
  | { do: 'screen.share'; on: boolean }
  | { do: 'screen.mark'; line: SpotView[] }
  | { do: 'screen.clear' }

// ------------------------------------------------------------------------------------------------ server → client

export interface You {
  id: string
  leg: string | null
  role: Role
  name: string
}

export interface IceServer {
  urls: string[]
  username: string | null
  credential: string | null
}

export interface Slot {
  mid: string
  leg: string | null
  kind: TrackKind | null
  name: string
  role: string
}

export interface WelcomeMessage<V = View> {
  type: 'welcome'
  version: number
  you: You
  resume: string
  view: V
  seq: number
  ice_servers: IceServer[]
}

export type ServerMessage<V = View> =
  | WelcomeMessage<V>
  | { type: 'view'; view: V; seq: number }
  | { type: 'done'; id: string; result: Record<string, Scalar> }
  | { type: 'refused'; id: string | null; code: string; text: string; params: Record<string, Scalar> }
  | { type: 'published'; id: string; answer: string }
  | { type: 'offered'; id: string; offer: string }
  | { type: 'slots'; slots: Slot[] }
  | { type: 'media.moved'; call: string; reason: 'worker_lost' | 'worker_drained' | 'session_lost' }
  | { type: 'pointer'; x: number; y: number; from: string }
  | { type: 'notice'; code: string; text: string; level: 'info' | 'warning' | 'error' }
  | { type: 'replaced' }
  | { type: 'pong'; t: number; now: string }
  | { type: 'closing'; reason: string }

// ------------------------------------------------------------------------------------------------ the view

/** `T` with some of its members named more closely. */
type With<T, Closer> = Omit<T, keyof Closer> & Closer

export type Phase = 'invited' | 'waiting' | 'live' | 'interrupted' | 'closing' | 'closed' | 'declined'
export type Verdict = 'conforms' | 'fails' | 'na' | 'not_seen'

export type PersonView = With<wire.PersonView, { role: Role }>
export type StepView = wire.StepView
export type AnswerView = wire.AnswerView
export type ConflictView = With<wire.ConflictView, { value: AnswerValue | null }>
export type ItemView = With<
  wire.ItemView,
  { value: AnswerValue | null; verdict: Verdict | null; conflict: ConflictView | null }
>
export type ChecklistView = With<wire.ChecklistView, { items: ItemView[]; suggested: ResultName | null }>
export type RequestView = With<wire.RequestView, { kind: AskKind | 'photo' }>
export type MessageView = With<wire.MessageView, { role: Role }>
export type PhotoView = wire.PhotoView
export type DeviceView = wire.DeviceView
export type SignerView = With<wire.SignerView, { state: 'waiting' | 'signed' | 'refused' }>
export type ObjectionView = wire.ObjectionView
export type QueueView = wire.Queue
interface Closer {
  phase: Phase
  people: PersonView[]
  requests: RequestView[]
  messages: MessageView[]
  wait_message: MessageView | null
  signers: SignerView[]
}
/** What every kind of session shows. */
export type SessionView = With<wire.SessionView, Closer>
export type View = With<
  wire.View,
  Closer & {
    steps: Partial<Record<StepName, StepView>>
    checklist: ChecklistView
    result: ResultName | null
  }
>
export type CardView = wire.CardView
export type MarkView = wire.MarkView
export type SpotView = wire.SpotView
export type PassageView = wire.PassageView
/** A help service's. */
export type ServiceView = With<wire.ServiceView, Closer>
type Own<V> = Partial<Omit<V, keyof SessionView>>
/** As a page that serves both kinds has it: what is one kind's own may be missing. */
export type EitherView = SessionView & Own<View> & Own<ServiceView>
