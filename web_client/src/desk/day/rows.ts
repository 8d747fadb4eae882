/** How the day list is ordered, searched and warned about. Pure. */
import type { CaseRow } from '../office'

/** From ten minutes on somebody should have spoken to the person who waits (ux.md D1). */
export const LONG_WAIT_MINUTES = 10

export function waitedMinutes(row: Pick<CaseRow, 'phase' | 'waiting_since'>, now: number): number | null {
  if (row.phase !== 'waiting' || row.waiting_since === null) return null
  return Math.max(0, Math.floor((now - new Date(row.waiting_since).getTime()) / 60_000))
}

const ORDER: Record<string, number> = { live: 0, interrupted: 0, waiting: 1, closing: 2 }

/** Running first, then who waits (longest first), then what is to be signed, then the rest by time. */
export function needsFirst(a: CaseRow, b: CaseRow): number {
  const rank = (ORDER[a.phase] ?? 3) - (ORDER[b.phase] ?? 3)
  if (rank !== 0) return rank
  if (a.phase === 'waiting') return (a.waiting_since ?? '').localeCompare(b.waiting_since ?? '')
  return a.scheduled_at.localeCompare(b.scheduled_at) || a.number.localeCompare(b.number)
}

export function matches(row: CaseRow, search: string): boolean {
  const words = search.trim().toLowerCase().split(/\s+/).filter(Boolean)
  const text = [row.number, row.matter, row.matter_gloss, row.business_name, row.applicant, row.lead?.name, row.assist?.name]
    .join(' ')
    .toLowerCase()
  return words.every((word) => text.includes(word))
}

/** What one may do with the row: enter a call, go on with the sheet, or only look. */
export function actOf(row: CaseRow): 'enter' | 'sheet' | 'open' {
  if (row.phase === 'waiting' || row.phase === 'live' || row.phase === 'interrupted') return 'enter'
  if (row.phase === 'closing') return 'sheet'
  return 'open'
}
