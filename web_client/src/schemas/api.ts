// Written by `python -m server.typescript` from the server's structs; a test compares. Do not edit.

/** `to`: the window a number is handed over to, or the line it is forwarded to; `passing` goes with a hand-over,     `ending` with the end of a call. */
export interface AgentAct {
  do: "accept" | "call" | "decline" | "finish" | "forward" | "hand_over" | "miss" | "park" | "recall" | "release" | "resume" | "serve"
  to: string | null
  passing: Passing
  ending: Ending
}

/** `window` None: not sitting anywhere; `windows`: all of the hall, to sit down at or to hand over to. */
export interface AgentDesk {
  window: WindowCard | null
  windows: WindowCard[]
  line: Named | null
  letter: string
  wait: Queue | null
  longest_since: string | null
  at: SlipRow | null
  waiting: SlipRow[]
  parked: SlipRow[]
  missed: SlipRow[]
  offered: SlipRow[]
  lines: HallLine[]
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

export interface AssistRequest {
  staff: string
}

export interface AwayRequest {
  away: boolean
}

/** Legal basis of an item; an unverified clause is printed with 待核 beside it. */
export interface Basis {
  title: string
  clause: string
  verified: boolean
}

export interface BasisView {
  title: string
  clause: string
  verified: boolean
}

/** `path`: the page of the call on this server. */
export interface CallOpened {
  record: string
  path: string
}

export interface CallRequest {
  device: string
}

export interface CallTaken {
  record: string
}

export interface CardView {
  id: string
  title: string
  steps: string[]
  done: number[]
  by: string
  at: string
}

export interface CaseDetail {
  row: CaseRow
  applicant: string
  phone: string
  address: string
  location: [number, number] | null
  facts: FactView[]
  sections: Named[]
  checklist: PreparedItem[]
  documents: Named[]
  minutes: number
  notices: NoticeView[]
  invitation: InvitationView | null
  records: RoundView[]
}

/** One line of the day list: a record with its case. `applicant` is masked. */
export interface CaseRow {
  case: string
  record: string
  number: string
  matter: string
  matter_gloss: string
  slug: string
  business_name: string
  applicant: string
  scheduled_at: string
  lead: OfficerRef | null
  assist: OfficerRef | null
  phase: string
  waiting_since: string | null
  device_ok: boolean | null
  documents_ok: boolean
  result: string | null
  signed: number
  to_sign: number
  coverage: number | null
}

export interface ChecklistView {
  sections: SectionView[]
  items: ItemView[]
  answered: number
  open: number
  fails: number
  required_open: number
  suggested: string | null
}

/** One of several answers: `value` is stored, a reader is shown `label` or, in English, `gloss`. */
export interface Choice {
  value: string
  label: string
  gloss: string
}

/** [n, t_ms, d_ms, bytes, keyframe 0|1] of a cluster; times within its epoch. */
export type ClusterMark = [number, number, number, number, number]

/** For the signature in this role. */
export interface CodeRequest {
  role: string
}

export interface CodeSent {
  sent_to: string
}

/** The answer that was displaced by somebody who had not seen it; both are on record. */
export interface ConflictView {
  by: string
  at: string
  value: string | null
  measured: number | null
  choice: string | null
  seq: number
}

export interface ConsentCard {
  version: string
  retention: string
  how: string
}

export interface ConsentView {
  version: string
  at: string
}

/** What the recording holds up to the cut. `seconds` sums to the length of the call, one class a second. */
export interface Coverage {
  percent: number
  started_at: string | null
  cut_at: string
  seconds: Record<string, number>
  gaps: Gap[]
}

export interface DayList {
  day: string
  cases: CaseRow[]
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

/** A line over a leg's picture, or a pointer where it has one point. Points are shares of the picture's sides. */
export interface Drawing {
  leg: string
  from_ms: number
  to_ms: number
  points: [number, number][]
}

export interface Ending {
  result: "done" | "referred" | "unfinished"
  note: string
}

/** One file to play: where it begins on the session clock, give or take `error_ms`. */
export interface EpochLine {
  epoch: string
  start_ms: number
  error_ms: number
  length_ms: number
  mime: string
  closed: boolean
  clusters: ClusterMark[]
}

export interface FactForm {
  key: string
  label: string
  gloss: string
  type: string
  default: boolean | number | string
  options: Choice[]
  unit: string
}

/** `choice`: what a value out of several is called. */
export interface FactView {
  key: string
  label: string
  gloss: string
  value: boolean | number | string
  choice: Choice | null
  unit: string
}

export interface FileStored {
  file: string
  sha256: string
}

/** A file of the call; its bytes are at /api/files/{id}. `mine`: whoever reads this sent it. */
export interface FileView {
  id: string
  mine: boolean
  name: string
  bytes: number
  mime: string
  by: string
  role: string
  at: string
}

/** What is wrong now with a leg's picture (covered, dark, fast, blurred, still), or with the line on which it sends     or receives (weak). */
export interface FindingView {
  leg: string
  about: string
  finding: string
  since: string
}

/** One record in the list. `coverage` in percent; `views` counts who looked before. */
export interface Found {
  record: string
  case: string
  number: string
  matter: string
  matter_name: string
  matter_gloss: string
  business_name: string
  office: string
  office_name: string
  office_gloss: string
  lead: string
  scheduled_at: string
  started_at: string | null
  phase: string
  result: string | null
  coverage: number | null
  sealed: boolean
  recorded: boolean
  views: number
}

export interface FoundList {
  rows: Found[]
}

/** `office`: its name; `state`: free, or busy while they lead or assist a call. */
export interface FreeOfficer {
  id: string
  name: string
  office: string
  state: string
}

/** A stretch of the recording that is not live; `kind` is one of the manifest's classes. */
export interface Gap {
  start: string
  end: string
  kind: string
  cause: string
  who: string
}

export interface GuideCard {
  name: string
  gloss: string
  slug: string
  category: string
  documents: number
  minutes: number
}

export interface GuidePage {
  name: string
  gloss: string
  slug: string
  category: string
  documents: number
  minutes: number
  papers: Paper[]
  steps: string[]
  time_limit: string
  note: string
  elderly_friendly: boolean
  places: PlaceCard[]
}

export interface HallLine {
  name: string
  gloss: string
  id: string
}

/** Hash heads that bind the sheet to the record's events and to the recording, at the cut. */
export interface Heads {
  record_seq: number
  record_head: string
  manifest_head: string
  manifest_sha256: string
}

export interface HolderAct {
  do: "abandon" | "arrive" | "come_back" | "step_away"
}

export interface InterruptionView {
  from: string
  to: string | null
  cause: string
  leg: string
}

/** `state`: sent, joined or expired. */
export interface InvitationView {
  link: string
  qr_svg: string
  expires_at: string
  state: string
}

/** One line of the checklist with what was found. `measured` carries its unit, e.g. "31.2 m". */
export interface Item {
  id: string
  number: number
  text: string
  gloss: string
  basis: Basis[]
  critical: boolean
  finding: "conforms" | "fails" | "na" | "not_seen" | null
  measured: string
  measured_gloss: string
  note: string
  provenance: "live" | "self_shot" | "supplement"
  by: string
  at: string | null
  moment_ms: number | null
  photos: number[]
}

export interface ItemView {
  id: string
  number: number
  section: string
  text: string
  gloss: string
  basis: BasisView[]
  critical: boolean
  severity: string
  answer: AnswerView
  media: MediaView[]
  film: string
  prepare: string
  applies: boolean
  required: boolean
  value: string | null
  measured: number | null
  choice: string | null
  text_answer: string | null
  note: string
  by: string
  at: string | null
  verdict: string | null
  photos: string[]
  photos_required: number
  seq: number
  should_be: string
  should_be_en: string
  conflict: ConflictView | null
}

/** One row. `progress` is 0..100; `attempts` counts leases; `error` is the stable code of the last failure. */
export interface Job {
  id: string
  kind: string
  payload: Record<string, unknown>
  state: "dead" | "done" | "leased" | "queued"
  due_at: string
  attempts: number
  progress: number
  result: Record<string, unknown> | null
  error: string | null
  owner: string
  created_at: string
  done_at: string | null
}

export interface JobBegun {
  job: string
}

export interface JoinRequest {
  code: string
  device: string
}

export interface JoinedRecord {
  record: string
}

/** What a link shows before anybody joined. `state`: open, early, late, used (another device), finished; `sheet`:     there is one to read; `kind`: inspection or help. */
export interface Landing {
  record: string
  kind: string
  role: string
  office: OfficeCard
  matter: Named
  business_name: string
  scheduled_at: string
  minutes: number
  state: string
  joined: boolean
  phone_masked: string
  sheet: boolean
  documents: Named[]
  consent: ConsentCard
}

/** One person's row: files and the second strip. A shared screen is a row of its own, while it is shared. */
export interface LegLine {
  leg: string
  name: string
  role: string
  epochs: EpochLine[]
  strip: Segment[]
  quality: QualityStretch[]
}

/** One of five; 5 is very satisfied. A low one says why. */
export interface Level {
  level: number
  key: string
  label: string
  gloss: string
  reason_required: boolean
  reasons: RatingReason[]
}

export interface LevelCount {
  name: string
  gloss: string
  level: number
  count: number
}

/** A line on the supervisor's page. `alarm`: somebody waits longer than `alarm_minutes`; `open_window`: the closed     window that would help then. */
export interface LineRow {
  name: string
  gloss: string
  id: string
  office: string
  letter: string
  waiting: number
  longest_since: string | null
  windows_open: number
  windows: number
  alarm: boolean
  alarm_minutes: number
  open_window: WindowCard | null
}

export interface LoginRequest {
  account: string
  password: string
}

/** One place to jump to. `verdict` is what an answer came to: conforms, fails, na, not_seen; None while open.     `photo` and `file` can be opened there. */
export interface MarkLine {
  at_ms: number
  seq: number
  tag: string
  kind: "answer" | "call" | "gap" | "message" | "photo" | "signature" | "step"
  text_zh: string
  text_en: string
  item: string | null
  photo: string | null
  file: string | null
  verdict: string | null
}

/** A line on the shared screen; places are shares of its picture. */
export interface MarkView {
  line: SpotView[]
}

export interface MatterCard {
  name: string
  gloss: string
  slug: string
  version: number
  permit: string
  minutes: number
  items: number
  facts: FactForm[]
  documents: Named[]
}

export interface MatterView {
  name: string
  gloss: string
  slug: string
}

/** Who is logged in, for the page's header and for what it offers. */
export interface Me {
  id: string
  name: string
  kind: string
  roles: string[]
  office: MyOffice | null
}

export interface MediaView {
  kind: string
  count: number
  seconds: number
}

/** `mine`: whoever reads this said it. */
export interface MessageView {
  mine: boolean
  from: string
  role: string
  text: string
  at: string
}

/** What became of a number; the desk itself hears of it by its live route. */
export interface Moved {
  ticket: string
  label: string
  state: "abandoned" | "called" | "confirmed" | "finished" | "missed" | "parked" | "queued" | "reserved" | "serving" | "transferred"
}

export interface MyOffice {
  code: string
  name: string
  gloss: string
  phone: string
}

export interface Named {
  name: string
  gloss: string
}

/** What a desk or another system gives. `facts` by key, the matter's defaults stand for the rest; position WGS84. */
export interface NewCase {
  matter: string
  business_name: string
  applicant_name: string
  phone: string
  address: string
  scheduled_at: string
  lat: number | null
  lon: number | null
  facts: Record<string, unknown>
  documents_ok: boolean
  lead: string | null
  assist: string | null
}

export interface NewView {
  purpose: "complaint" | "other" | "review" | "sample"
  note: string
}

export interface NoticeView {
  id: string
  kind: string
  to: string
  text: string
  at: string
  state: string
  sent_at: string | null
}

/** The applicant's own words, as written. */
export interface Objection {
  at: string
  text: string
  item: number | null
}

export interface ObjectionView {
  item: string | null
  text: string
  at: string
}

/** The authority that issues the sheet. */
export interface Office {
  code: string
  name: string
  gloss: string
  phone: string
}

export interface OfficeCard {
  name: string
  gloss: string
  phone: string
}

export interface OfficeView {
  name: string
  gloss: string
  phone: string
}

export interface OfficerRef {
  id: string
  name: string
}

export interface OptionView {
  value: string
  label: string
  gloss: string
}

/** A document to bring. `form`: original, copy, form …; `when`: only in that case. */
export interface Paper {
  name: string
  gloss: string
  form: string
  required: boolean
  when: string
}

export interface PaperView {
  name: string
  gloss: string
  required: boolean
}

/** A hand-over; `note` and `papers` are for agents. */
export interface PassageView {
  window: string
  by: string
  note: string
  papers: string[]
  at: string
  state: string
  taken_by: string
}

/** What goes with a number to another window. */
export interface Passing {
  note: string
  papers: string[]
}

/** The whole file. `state` is pass only when every part passes; `reasons` are those of the file as a whole. */
export interface PdfVerdict {
  state: "fail" | "pass" | "undecided"
  kind: "help" | "inspection"
  record: string
  case_number: string
  sha256: string
  sealed_at: string | null
  signatures: SignatureVerdict[]
  reasons: Reason[]
}

/** Somebody who took part; `identified` says in words how identity was checked. */
export interface Person {
  name: string
  role: "applicant" | "assist" | "expert" | "lead" | "seal" | "system" | "witness"
  organisation: string
  identified: string
  joined_at: string | null
  left_at: string | null
}

export interface PersonView {
  leg: string
  name: string
  role: string
  online: boolean
  muted_audio: boolean
  muted_video: boolean
  since: string | null
}

/** A photo taken in full resolution; `sha256` is of the original as it came from the phone. */
export interface Photo {
  id: string
  number: number
  sha256: string
  taken_at: string
  width: number
  height: number
  size: number
  item: string | null
  moment_ms: number | null
  provenance: "live" | "self_shot" | "supplement"
}

export interface PhotoStored {
  photo: string
  sha256: string
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

/** Where the phone said it was: WGS 84 degrees, metres. */
export interface Place {
  lat: number
  lon: number
  accuracy_m: number
  distance_m: number | null
  at: string | null
}

/** An office that does a matter. `distance_m` where the asker said where they are; `wait` for whoever comes now. */
export interface PlaceCard {
  name: string
  gloss: string
  phone: string
  office: string
  address: string
  line: string
  line_gloss: string
  open: boolean
  gives_numbers: boolean
  opens: string | null
  distance_m: number | null
  wait: Queue
}

export interface PlaceView {
  lat: number
  lon: number
  accuracy_m: number
  distance_m: number | null
  at: string
}

/** What the browser checks before it signs; base64 of DER. */
export interface Prepared {
  lease: string
  expires_at: string
  revision_sha256: string
  byte_range: number[]
  signed_attributes: string
  certificate: string
}

/** An item of the list as both sides see it beforehand. */
export interface PreparedItem {
  id: string
  number: number
  section: string
  text: string
  gloss: string
  critical: boolean
  prepare: string
  film: string
  photos_required: number
}

/** From `from_ms` to `to_ms` of the session clock the leg's picture was covered, dark, fast, blurred or still, or     the line on which it sent or received was weak. */
export interface QualityStretch {
  from_ms: number
  to_ms: number
  about: string
  finding: string
}

/** The place of somebody who waits. Minutes are None while nobody serves. */
export interface Queue {
  ahead: number
  minutes_low: number | null
  minutes_high: number | null
  officer_on_duty: boolean
}

export interface RatingReason {
  code: string
  label: string
  gloss: string
  channels: string[]
}

export interface RatingRequest {
  level: number
  reasons: string[]
  words: string
  call_back: boolean
}

/** A low rating as a supervisor reads it; whose it is stays at the window. `reasons` in words. */
export interface RatingRow {
  ticket: string
  label: string
  office: string
  matter: Named
  at: string
  level: number
  reasons: Named[]
  words: string
  call_back: boolean
}

/** What people said of services since then: how many of each level, best first, and the low ones, newest first. */
export interface RatingsPage {
  since: string
  levels: LevelCount[]
  low: RatingRow[]
}

/** Why; `code` is stable. */
export interface Reason {
  code: string
  zh: string
  en: string
}

/** Why no concluding result yet; `params` let a client say it in its own words. */
export interface ReasonView {
  code: string
  text: string
  text_en: string
  item: string | null
  params: Record<string, string | number>
}

export interface Refusal {
  role: string
  reason: string
}

/** The whole sheet, an inspection's or a help service's (`number`: its ticket's). `verify_url` goes into the QR     code; `authority` and `time_service` say which kind of certificates sign it and whose time stamps prove when. */
export interface Report {
  version: number
  kind: "help" | "inspection"
  record: string
  case: string
  case_number: string
  matter: string
  matter_gloss: string
  permit: string
  number: string
  office: Office
  business_name: string
  applicant_name: string
  registered_address: string
  place: Place | null
  started_at: string | null
  ended_at: string | null
  people: Person[]
  steps: Step[]
  sections: Section[]
  photos: Photo[]
  coverage: Coverage
  heads: Heads
  result: Result
  objections: Objection[]
  signers: Signer[]
  issued_at: string
  verify_url: string
  authority: "internal" | "licensed"
  time_service: "external" | "internal"
  draft: boolean
}

export interface RequestView {
  id: string
  kind: string
  text: string
  value: string | number | boolean | null
  by: string
  at: string
  state: string
  item: string | null
  reason: string
}

/** The conclusion, what follows from it, and until when. */
export interface Result {
  key: "done" | "fail" | "go_on_site" | "pass" | "rectify_and_reinspect" | "referred" | "suspend" | "unfinished"
  consequence: string
  consequence_gloss: string
  note: string
  rectify_by: string | null
  at: string | null
}

export interface RoundView {
  record: string
  round: number
  phase: string
  scheduled_at: string
  result: string | null
}

/** What anybody may know who holds the paper: the file it is a copy of. Names stay in the file. */
export interface Sealed {
  case_number: string
  office: string
  phone: string
  sealed_at: string
  sha256: string
  size: number
}

export interface Section {
  key: string
  title: string
  gloss: string
  items: Item[]
}

export interface SectionView {
  key: string
  title: string
  gloss: string
}

/** One stretch of one class; `cause` is a stable word, empty for live. */
export interface Segment {
  from_ms: number
  to_ms: number
  class: "frozen" | "interrupted" | "live" | "masked" | "muted" | "no_signal"
  cause: string
}

/** `label`: the number; `window`: where it is now; `passages`: its hand-overs, in order; `parked`: the agent     has put it aside and will be back; `screen`: the citizen shares one now, with these `marks` on it. */
export interface ServiceView {
  kind: string
  record: string
  case_number: string
  phase: string
  you: string
  matter: MatterView
  business_name: string
  scheduled_at: string
  office: OfficeView
  now: string
  people: PersonView[]
  call: string | null
  call_started_at: string | null
  recording: boolean
  requests: RequestView[]
  messages: MessageView[]
  consent: ConsentView | null
  device: DeviceView | null
  wait_message: MessageView | null
  interruptions: InterruptionView[]
  quality: FindingView[]
  mask: Record<string, boolean>
  result: string | null
  signers: SignerView[]
  sheet_ready: boolean
  queue: Queue | null
  label: string
  window: string
  papers: PaperView[]
  passages: PassageView[]
  cards: CardView[]
  parked: boolean
  screen: boolean
  marks: MarkView[]
  files: FileView[]
  result_note: string
}

/** `kind`: inspection or help. */
export interface SessionView {
  kind: string
  record: string
  case_number: string
  phase: string
  you: string
  matter: MatterView
  business_name: string
  scheduled_at: string
  office: OfficeView
  now: string
  people: PersonView[]
  call: string | null
  call_started_at: string | null
  recording: boolean
  requests: RequestView[]
  messages: MessageView[]
  consent: ConsentView | null
  device: DeviceView | null
  wait_message: MessageView | null
  interruptions: InterruptionView[]
  quality: FindingView[]
  mask: Record<string, boolean>
  result: string | null
  signers: SignerView[]
  sheet_ready: boolean
  queue: Queue | null
}

/** The frozen report as it is in the PDF, and who has signed. */
export interface Sheet {
  report: Report
  revision: number
  sha256: string
  size: number
  sealed: boolean
  signers: SignerState[]
}

export interface SignatureCodeSent {
  sent_to: string
}

/** `public_key`: SubjectPublicKeyInfo of a P-256 key, `drawn_png`: the strokes on nothing; both base64. */
export interface SignatureRequest {
  role: string
  public_key: string
  drawn_png: string | null
  remark: string
  code: string
}

/** `signature`: r‖s as WebCrypto gives it, 64 bytes in base64. */
export interface SignatureValue {
  signature: string
}

/** One signature: who, in which role, when by the time proof, identified how, and whether it stands. */
export interface SignatureVerdict {
  field: string
  state: "fail" | "pass" | "undecided"
  role: string
  name: string
  at: string | null
  identity: string
  said: string
  certificate_serial: string
  reasons: Reason[]
}

export interface Signed {
  signed: boolean
  sha256: string
}

/** Who must sign. `party` is the staff or invitation id that may use the field; `field` is its name in the PDF. */
export interface Signer {
  field: string
  role: "applicant" | "assist" | "expert" | "lead" | "seal" | "system" | "witness"
  name: string
  party: string
  organisation: string
  identified: string
}

/** `kept`: the signature is here and waits for its time stamp; `own`: of whoever asks. */
export interface SignerState {
  field: string
  role: "applicant" | "assist" | "expert" | "lead" | "seal" | "system" | "witness"
  name: string
  state: "refused" | "signed" | "waiting"
  at: string | null
  remark: string
  kept: boolean
  own: boolean
}

export interface SignerView {
  role: string
  name: string
  state: string
  at: string | null
}

/** A number as agents see it; the name is whole at the window that serves it. `record`: its help service. */
export interface SlipRow {
  ticket: string
  label: string
  state: "abandoned" | "called" | "confirmed" | "finished" | "missed" | "parked" | "queued" | "reserved" | "serving" | "transferred"
  name: string
  phone: string
  matter: Named
  priority: "booked" | "ordinary" | "priority"
  taken_at: string
  calls: number
  called_at: string | null
  away_until: string | null
  window: string
  held_until: string | null
  video: boolean
  record: string | null
}

export interface SpotView {
  x: number
  y: number
}

/** One step of the procedure (核验身份, 亮证, 告知 …) with its time. */
export interface Step {
  title: string
  gloss: string
  at: string | null
  by: string
  method: string
  note: string
  moment_ms: number | null
}

/** `required`: a result that concludes needs it; `again`: it was done, and an interruption makes it due again. */
export interface StepView {
  done_at: string | null
  by: string
  required: boolean
  again: boolean
}

/** `priority`: the holder says that they are over 65, disabled, pregnant or serve; the window looks. `video`:     helped by video now, without a visit. */
export interface TakeRequest {
  office: string
  guide: string
  name: string
  phone: string
  priority: boolean
  video: boolean
}

/** `token` opens the number's page; it is told this once. */
export interface Taken {
  token: string
  ticket: TicketPage
}

/** A number as its holder's phone shows it; `can`: what they may do now (`call`: open the page of its video call);     `video`: they asked for help by video and do not come; `phone`: where messages go, masked. */
export interface TicketPage {
  label: string
  state: "abandoned" | "called" | "confirmed" | "finished" | "missed" | "parked" | "queued" | "reserved" | "serving" | "transferred"
  day: string
  office: OfficeCard
  matter: Named
  line: Named
  phone: string
  wait: Queue | null
  window: WindowCard | null
  calls: number
  slot: string | null
  away_until: string | null
  next_until: string | null
  can: string[]
  rated: boolean
  video: boolean
}

/** All that the replay page draws. Times in ms of the session clock; `start` is its zero. */
export interface Timeline {
  record: string
  kind: string
  start: string
  length_ms: number
  live: boolean
  legs: LegLine[]
  marks: MarkLine[]
  drawings: Drawing[]
  coverage_percent: number
}

export interface View {
  kind: string
  record: string
  case_number: string
  phase: string
  you: string
  matter: MatterView
  business_name: string
  scheduled_at: string
  office: OfficeView
  now: string
  people: PersonView[]
  call: string | null
  call_started_at: string | null
  recording: boolean
  requests: RequestView[]
  messages: MessageView[]
  consent: ConsentView | null
  device: DeviceView | null
  wait_message: MessageView | null
  interruptions: InterruptionView[]
  quality: FindingView[]
  mask: Record<string, boolean>
  result: string | null
  signers: SignerView[]
  sheet_ready: boolean
  queue: Queue | null
  steps: Record<string, StepView>
  checklist: ChecklistView
  photos: PhotoView[]
  place: PlaceView | null
  may_close: boolean
  close_reasons: ReasonView[]
  result_note: string
  rectify_by: string | null
  objections: ObjectionView[]
}

export interface ViewOpened {
  view: string
}

/** `at`: when it was true; a wall whose data are old says so. */
export interface Wall {
  office: OfficeCard
  calls: WallCall[]
  lines: WallLine[]
  at: string
}

export interface WallCall {
  label: string
  window: string
  called_at: string
}

export interface WallLine {
  name: string
  gloss: string
  letter: string
  next: string[]
  wait: Queue
}

export interface WindowCard {
  name: string
  gloss: string
  id: string
  number: string
  open: boolean
  away: boolean
}

export interface WitnessRequest {
  name: string
  phone: string
}

/** `state`: sent, or joined once they have given their code. */
export interface WitnessView {
  name: string
  phone: string
  link: string
  expires_at: string
  state: string
}
