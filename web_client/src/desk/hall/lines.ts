/** The hall in figures, and what its alarms say. Pure. */
import type { LineRow, RatingsPage } from '../../schemas/api'
import { toMs } from '../../shared/format'
import { named } from '../../shared/i18n'
import { t } from './text'

const MINUTE_MS = 60_000

/** Whole minutes that whoever waits longest has waited; null where nobody waits. */
export function longestMinutes(row: LineRow, now: number): number | null {
  return row.longest_since === null ? null : Math.max(0, Math.floor((now - toMs(row.longest_since)) / MINUTE_MS))
}

/** What has happened, how long, and what to do about it. */
export function alarmText(row: LineRow, now: number): string {
  const said = { line: named(row), office: row.office, minutes: longestMinutes(row, now) ?? 0, most: row.alarm_minutes }
  return row.open_window
    ? t('alarm.open', { ...said, window: row.open_window.number })
    : t('alarm.full', said)
}

export interface Totals {
  waiting: number
  longest: number | null
  open: number
  windows: number
}

export function totals(rows: readonly LineRow[], now: number): Totals {
  const longest = rows.map((row) => longestMinutes(row, now)).filter((each): each is number => each !== null)
  const sum = (of: (row: LineRow) => number): number => rows.reduce((all, row) => all + of(row), 0)
  return {
    waiting: sum((row) => row.waiting),
    longest: longest.length ? Math.max(...longest) : null,
    open: sum((row) => row.windows_open),
    windows: sum((row) => row.windows),
  }
}

/** Of all ratings, those of the two best levels; null where there are none. */
export function satisfied(page: RatingsPage): number | null {
  const all = page.levels.reduce((sum, each) => sum + each.count, 0)
  const good = page.levels.filter((each) => each.level >= 4).reduce((sum, each) => sum + each.count, 0)
  return all ? (100 * good) / all : null
}
