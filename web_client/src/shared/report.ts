/** The inspection sheet as data (signing/report.py `Report`): what `GET /api/records/{record}/sheet` answers. */
import type * as wire from '../schemas/api'
import type { StripClass } from './strip/segments'

export type ReportItem = wire.Item
export type ReportPhoto = wire.Photo

/** `kind` of a gap is one of the strip's classes; the wire carries it as a plain string. */
export type Report = Omit<wire.Report, 'coverage'> & {
  coverage: Omit<wire.Coverage, 'gaps' | 'seconds'> & {
    seconds: Partial<Record<StripClass, number>>
    gaps: (Omit<wire.Gap, 'kind'> & { kind: StripClass })[]
  }
}

/** `sha256` and `size` are those of the PDF; later revisions begin with the same `size` bytes. */
export type Sheet = Omit<wire.Sheet, 'report'> & { report: Report }
