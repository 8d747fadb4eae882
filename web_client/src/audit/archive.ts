/** The archive's endpoints: finding, the reason for looking, the timeline and its media, jobs. */
import type * as wire from '../schemas/api'
import type { Found, NewView } from '../schemas/api'
import { api, at } from '../shared/api'
import type { Timeline } from './timeline'

export type AuditRow = Found
export type Job = Omit<wire.Job, 'result'> & { result: unknown }
export type Purpose = NewView['purpose']

export interface Search {
  q: string
  day_from: string
  day_to: string
  matter: string
  result: string
}

export const archive = {
  search: (search: Search) => {
    const query = new URLSearchParams(Object.entries(search).filter(([, value]) => value !== ''))
    return api.get<{ rows: AuditRow[] }>(`/api/audit/records?${query.toString()}`)
  },
  matters: () => api.get<{ slug: string; name: string; gloss: string }[]>('/api/matters'),
  view: (record: string, purpose: Purpose, note: string) =>
    api.post<{ view: string }>(at`/api/records/${record}/views`, { purpose, note }),
  timeline: (record: string) => api.get<Timeline>(at`/api/records/${record}/timeline`),
  init: (epoch: string) => api.bytes(at`/api/epochs/${epoch}/init`),
  cluster: (epoch: string, n: number) => api.bytes(at`/api/epochs/${epoch}/clusters/${n}`),
  verify: (record: string) => api.post<{ job: string }>(at`/api/records/${record}/verify`),
  makePackage: (record: string) => api.post<{ job: string }>(at`/api/records/${record}/package`),
  packagePath: (record: string) => at`/api/records/${record}/package`,
  job: (id: string) => api.get<Job>(at`/api/jobs/${id}`),
}

/** In one word: sealed, still being recorded, being packed, or what the procedure says. */
export function standingOf(row: AuditRow): 'sealed' | 'live' | 'unrecorded' | 'open' {
  if (row.sealed) return 'sealed'
  if (row.phase === 'live' || row.phase === 'interrupted') return 'live'
  return row.recorded ? 'open' : 'unrecorded'
}
