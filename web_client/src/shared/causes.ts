/** Why something is missing, in the words that phone, desk, strip and time line share. */
import { CAUSES } from '../schemas/causes'
import { lang } from './i18n'

/** A word of the protocol that has no sentence says nothing to a person; a sentence that somebody wrote does. */
export function causeWords(cause: string | null | undefined): string {
  if (!cause) return ''
  const words = CAUSES[cause]
  if (words) return words[lang.value]
  return /^[\w.-]+$/.test(cause) ? '' : cause
}
