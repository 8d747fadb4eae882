/** What the server finds wrong with a picture or a line (media/quality.py), in the words that desk and replay share. It alone judges. */
import { FINDINGS } from '../schemas/causes'
import type { FindingView } from '../schemas/api'
import { lang } from './i18n'
import type { Level } from './media/quality'

export type About = 'picture' | 'sending' | 'receiving'

/** What is wrong now with this of a leg's, null while nothing is. */
export function wrongWith(found: readonly FindingView[] | undefined, leg: string | null | undefined, about: About): string | null {
  return found?.find((each) => each.leg === leg && each.about === about)?.finding ?? null
}

export function findingWords(finding: string): string {
  return FINDINGS[finding]?.[lang.value] ?? ''
}

/** How good a line is: the browser tells good from fair, but that it is weak only the server says, to both sides at once. */
export function lineLevel(weak: boolean, own: Level | null): Level | null {
  if (weak) return 'weak'
  return own === 'weak' ? 'fair' : own
}
