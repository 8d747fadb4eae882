/** Whether a rating may be sent, and what is missing; the server asks the same (helpdesk/rating.py). Pure. */
import type { Level } from '../../schemas/api'

export const MOST_REASONS = 5
export const MOST_WORDS = 300

export type Lack = 'none' | 'missing' | 'many'

export function lack(levels: readonly Level[], level: number | null, reasons: readonly string[], words: string): Lack | null {
  const chosen = levels.find((each) => each.level === level)
  if (!chosen) return 'none'
  if (reasons.length > MOST_REASONS) return 'many'
  return chosen.reason_required && !reasons.length && !words.trim() ? 'missing' : null
}
