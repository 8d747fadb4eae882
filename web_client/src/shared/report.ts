/** The inspection sheet as data (signing/report.py `Report`), as far as pages show it. */
import type { ResultName, Verdict } from './protocol'
import type { StripClass } from './strip/segments'

export interface ReportItem {
  id: string
  number: number
  text: string
  gloss: string
  critical: boolean
  finding: Verdict | null
  measured: string
  note: string
  provenance: 'live' | 'self_shot' | 'supplement'
  by: string
  at: string | null
  moment_ms: number | null
  photos: number[]
}

export interface ReportPhoto {
  id: string
  number: number
  sha256: string
  taken_at: string
  width: number
  height: number
  size: number
  item: string | null
}

/** What `GET /api/records/{record}/sheet` answers: the report as it is in the PDF, and who has signed. */
export interface Sheet {
  report: Report
  revision: number
  /** Of the PDF's bytes; later revisions begin with the same `size` bytes. */
  sha256: string
  size: number
  sealed: boolean
  signers: { field: string; role: string; name: string; state: 'waiting' | 'signed' | 'refused'; at: string | null; remark: string }[]
}

export interface Report {
  record: string
  case: string
  case_number: string
  matter: string
  matter_gloss: string
  office: { code: string; name: string; gloss: string; phone: string }
  business_name: string
  applicant_name: string
  registered_address: string
  started_at: string | null
  ended_at: string | null
  sections: { key: string; title: string; gloss: string; items: ReportItem[] }[]
  photos: ReportPhoto[]
  coverage: {
    percent: number
    started_at: string | null
    cut_at: string
    seconds: Partial<Record<StripClass, number>>
    gaps: { start: string; end: string; kind: StripClass; cause: string; who: string }[]
  }
  result: { key: ResultName; consequence: string; note: string; rectify_by: string | null; at: string | null }
  objections: { at: string; text: string; item: number | null }[]
  signers: { field: string; role: string; name: string; organisation: string }[]
  issued_at: string
  verify_url: string
}
