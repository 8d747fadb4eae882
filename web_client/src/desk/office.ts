/** The office's endpoints the desk uses, with their shapes: what comes back and nothing else. */
import { api, at, type Me, type Office } from '../shared/api'
import type { ChecklistView, Phase, ResultName } from '../shared/protocol'

export interface Person {
  id: string
  name: string
}

export interface CaseRow {
  case: string
  record: string
  number: string
  matter: string
  matter_gloss: string
  business_name: string
  applicant: string
  scheduled_at: string
  lead: Person | null
  assist: Person | null
  phase: Phase | 'none'
  waiting_since: string | null
  device_ok: boolean | null
  documents_ok: boolean
  result: ResultName | null
  signed: number
  to_sign: number
  coverage: number | null
}

export interface Notice {
  id: string
  kind: string
  to: string
  text: string
  at: string
  state: 'queued' | 'sent' | 'delivered' | 'failed' | 'outbox' | string
}

export interface Invitation {
  link: string
  qr_svg: string
  expires_at: string
  state: string
}

export interface CaseDetail {
  row: CaseRow
  applicant: string
  phone: string
  address: string
  /** Registered place: latitude, longitude. */
  location: [number, number] | null
  facts: Record<string, unknown>
  checklist: ChecklistView
  notices: Notice[]
  invitation: Invitation | null
  records: CaseRow[]
}

/** Something known before the call that decides which items of the checklist apply (office/matter.py, FactDefinition). */
export interface Fact {
  key: string
  label: string
  gloss: string
  type: 'boolean' | 'number' | 'choice'
  default: boolean | number | string
  options: string[]
  unit: string
}

export interface Matter {
  slug: string
  version: number | string
  name: string
  gloss: string
  minutes: number
  facts: Fact[]
}

export interface NewCase {
  matter: string
  business_name: string
  applicant_name: string
  phone: string
  address: string
  lat: number | null
  lon: number | null
  scheduled_at: string
  facts: Record<string, unknown>
  lead: string | null
  assist: string | null
}

export interface FreeOfficer {
  id: string
  name: string
  office: string
  state: 'free' | 'busy' | 'offline' | string
}

export const office = {
  login: (account: string, password: string) => api.post<Me>('/api/login', { account, password }),
  logout: () => api.post<null>('/api/logout'),
  me: () => api.get<Me>('/api/me'),
  day: (day: string) => api.get<{ day: string; cases: CaseRow[] }>(at`/api/cases?day=${day}`),
  matters: () => api.get<Matter[]>('/api/matters'),
  newCase: (fields: NewCase) => api.post<CaseRow>('/api/cases', fields),
  case: (id: string) => api.get<CaseDetail>(at`/api/cases/${id}`),
  invite: (id: string) => api.post<Invitation>(at`/api/cases/${id}/invitation`),
  assign: (id: string, staff: string) => api.post<unknown>(at`/api/cases/${id}/assist`, { staff }),
  freeOfficers: () => api.get<FreeOfficer[]>('/api/officers/free'),
  claimNext: () => api.post<{ record: string }>('/api/queue/claim'),
  /** Where the sheet stands as PDF. */
  reportPath: (record: string) => at`/api/records/${record}/report.pdf`,
  claim: (record: string) => api.post<{ record: string }>(at`/api/records/${record}/claim`),
}

export type { Me, Office }
