/**
 * Which one piece of advice helps now. The server looks at the picture and at the line and tells phone and desk alike; the phone
 * judges nothing itself, so the two never contradict each other. Pure.
 */
import type { FindingView } from '../../schemas/api'
import { wrongWith } from '../../shared/findings'

export type Advice = 'covered' | 'dark' | 'weak' | 'slow' | 'blurred'

export function adviceFor(found: readonly FindingView[] | undefined, leg: string | null | undefined, torch: boolean): Advice | null {
  const picture = wrongWith(found, leg, 'picture')
  if (picture === 'covered') return 'covered'
  // With the torch on there is nothing left to advise.
  if (picture === 'dark' && !torch) return 'dark'
  // A narrow line smears the picture by itself: holding still would not help.
  if (wrongWith(found, leg, 'sending') === 'weak') return 'weak'
  if (picture === 'fast') return 'slow'
  return picture === 'blurred' ? 'blurred' : null
}
