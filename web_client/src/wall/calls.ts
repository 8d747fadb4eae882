/** Which calls are new, how they are spoken, and which lines stand on the screen now. Pure. */
import type { WallCall, WallLine } from '../schemas/api'
import { lang } from '../shared/i18n'

import { t } from './text'

/** One call: whoever is called again is a new one. */
export const callId = (call: WallCall): string => `${call.label} ${call.called_at}`

/** Calls of `after` that `before` did not have, oldest first, as they are to be announced. */
export function newCalls(before: readonly WallCall[], after: readonly WallCall[]): WallCall[] {
  const known = new Set(before.map(callId))
  return after.filter((call) => !known.has(callId(call))).reverse()
}

const DIGITS_ZH = '零一二三四五六七八九'

/** `A023` letter by letter: a voice that reads a figure as a number is not understood. */
export function spelt(label: string): string {
  const each = Array.from(label)
  return (lang.value === 'zh' ? each.map((one) => DIGITS_ZH[Number(one)] ?? one) : each).join(' ')
}

export function spoken(call: WallCall): string {
  return t('call.spoken', { label: spelt(call.label), window: spelt(call.window) })
}

/** What stands beside the calls: so many lines at once as are read from afar, the rest after them in turn. */
export function linesNow(lines: readonly WallLine[], atOnce: number, turn: number): { lines: WallLine[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(lines.length / atOnce))
  const page = turn % pages
  return { lines: lines.slice(page * atOnce, (page + 1) * atOnce), page: page + 1, pages }
}
