/** The office's endpoints the desk uses, with their shapes: what comes back and nothing else. */
import { api, at, type Me, type Office } from '../shared/api'
import type {
  CaseDetail,
  CaseRow as Row,
  FactForm,
  FreeOfficer,
  InvitationView,
  LineRow,
  MatterCard,
  NewCase,
  NoticeView,
  RatingsPage,
  WitnessView,
} from '../schemas/api'
import type { Phase, ResultName } from '../shared/protocol'

/** The server's row, with the words of its two closed lists. */
export type CaseRow = Omit<Row, 'phase' | 'result'> & { phase: Phase; result: ResultName | null }
export type { CaseDetail, FactForm as Fact, FreeOfficer, InvitationView as Invitation, MatterCard as Matter, NewCase, NoticeView as Notice }

export const office = {
  login: (account: string, password: string) => api.post<Me>('/api/login', { account, password }),
  logout: () => api.post<null>('/api/logout'),
  me: () => api.get<Me>('/api/me'),
  day: (day: string) => api.get<{ day: string; cases: CaseRow[] }>(at`/api/cases?day=${day}`),
  matters: () => api.get<MatterCard[]>('/api/matters'),
  newCase: (fields: NewCase) => api.post<CaseRow>('/api/cases', fields),
  case: (id: string) => api.get<Omit<CaseDetail, 'row'> & { row: CaseRow }>(at`/api/cases/${id}`),
  invite: (id: string) => api.post<InvitationView>(at`/api/cases/${id}/invitation`),
  witnesses: (id: string) => api.get<WitnessView[]>(at`/api/cases/${id}/witnesses`),
  addWitness: (id: string, name: string, phone: string) => api.post<WitnessView>(at`/api/cases/${id}/witnesses`, { name, phone }),
  assign: (id: string, staff: string) => api.post<unknown>(at`/api/cases/${id}/assist`, { staff }),
  lines: () => api.get<LineRow[]>('/api/hall/lines'),
  ratings: () => api.get<RatingsPage>('/api/hall/ratings'),
  freeOfficers: (joint = false) => api.get<FreeOfficer[]>(joint ? '/api/officers/free?joint=1' : '/api/officers/free'),
  claimNext: () => api.post<{ record: string }>('/api/queue/claim'),
  /** Where the sheet stands as PDF. */
  reportPath: (record: string) => at`/api/records/${record}/report.pdf`,
  /** What the sheet would be now; nothing of it is kept. */
  draftPath: (record: string) => at`/api/records/${record}/draft.pdf`,
  claim: (record: string) => api.post<{ record: string }>(at`/api/records/${record}/claim`),
}

export type { Me, Office }
