/**
 * What travels on `/api/ws?record=…` (signaling/messages.py) and inside it (office/session.py, inspection/view.py).
 * Times are ISO 8601 strings in UTC.
 */

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

export interface Place {
  lat: number
  lon: number
  accuracy_m: number
}

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

export interface WelcomeMessage {
  type: 'welcome'
  version: number
  you: You
  resume: string
  view: View
  seq: number
  ice_servers: IceServer[]
}

export type ServerMessage =
  | WelcomeMessage
  | { type: 'view'; view: View; seq: number }
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

export type Phase = 'invited' | 'waiting' | 'live' | 'interrupted' | 'closing' | 'closed' | 'declined'

export interface PersonView {
  leg: string
  name: string
  role: Role
  online: boolean
  muted_audio: boolean
  muted_video: boolean
  since: string | null
}

/** `required`: a result that concludes needs it; `again`: done once, and an interruption makes it due again. */
export interface StepView {
  done_at: string | null
  by: string
  required: boolean
  again: boolean
}

export interface OptionView {
  value: string
  label: string
  gloss: string
}

export interface AnswerView {
  type: string
  unit: string
  min: number | null
  max: number | null
  decimals: number | null
  expected: number | null
  record_only: boolean
  options: OptionView[]
  max_distance_m: number | null
  max_length: number | null
}

/** The answer that was displaced by somebody who had not seen it; both are on record. */
export interface ConflictView {
  by: string
  at: string
  value: AnswerValue | null
  measured: number | null
  choice: string | null
  seq: number
}

export type Verdict = 'conforms' | 'fails' | 'na' | 'not_seen'

export interface ItemView {
  id: string
  number: number
  section: string
  text: string
  gloss: string
  basis: { title: string; clause: string; verified: boolean }[]
  critical: boolean
  severity: string
  answer: AnswerView
  media: { kind: string; count: number; seconds: number }[]
  film: string
  prepare: string
  applies: boolean
  required: boolean
  value: AnswerValue | null
  measured: number | null
  choice: string | null
  text_answer: string | null
  note: string
  by: string
  at: string | null
  verdict: Verdict | null
  photos: string[]
  photos_required: number
  seq: number
  conflict: ConflictView | null
  objections: string[]
}

export interface ChecklistView {
  sections: { key: string; title: string; gloss: string }[]
  items: ItemView[]
  answered: number
  open: number
  fails: number
  required_open: number
  suggested: ResultName | null
}

export interface RequestView {
  id: string
  kind: AskKind | 'photo'
  text: string
  value: Scalar
  by: string
  at: string
  state: string
  item: string | null
  reason: string
}

export interface MessageView {
  from: string
  role: Role
  text: string
  at: string
}

export interface PhotoView {
  id: string
  item: string | null
  sha256: string
  at: string
  width: number
  height: number
  state: string
}

export interface DeviceView {
  camera: boolean
  microphone: boolean
  kbps_up: number | null
  loss_percent: number | null
  battery: number | null
  browser: string
  at: string
}

export interface SignerView {
  role: string
  name: string
  state: 'waiting' | 'signed' | 'refused'
  at: string | null
}

export interface QueueView {
  ahead: number
  minutes_low: number | null
  minutes_high: number | null
  officer_on_duty: boolean
}

export interface View {
  record: string
  case_number: string
  phase: Phase
  you: string
  matter: { slug: string; name: string; gloss: string }
  business_name: string
  office: { name: string; gloss: string; phone: string }
  scheduled_at: string
  now: string
  people: PersonView[]
  call: string | null
  call_started_at: string | null
  recording: boolean
  steps: Partial<Record<StepName, StepView>>
  checklist: ChecklistView
  requests: RequestView[]
  messages: MessageView[]
  photos: PhotoView[]
  place: (Place & { distance_m: number | null; at: string }) | null
  consent: { version: string; at: string } | null
  device: DeviceView | null
  wait_message: MessageView | null
  interruptions: { from: string; to: string | null; cause: string; leg: string }[]
  mask: Record<string, boolean>
  may_close: boolean
  close_reasons: { code: string; text: string; item: string | null; params: Record<string, string | number> }[]
  result: ResultName | null
  result_note: string
  rectify_by: string | null
  signers: SignerView[]
  sheet_ready: boolean
  objections: string[]
  queue: QueueView | null
}
