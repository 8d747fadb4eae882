/** The sentence of whatever went wrong with a request, for the person before the page. */
import { ApiProblem, Unreachable } from './api'
import { stateText } from './states/text'

const FAULT_MINUTES = 5

export interface Spoken {
  code: string
  text: string
}

/** `phone`: whom to ask meanwhile, where it is known. */
export function spoken(error: unknown, phone?: string): Spoken {
  if (error instanceof ApiProblem && error.detail) return { code: error.code, text: error.detail }
  if (error instanceof Unreachable) return { code: '', text: stateText('offline') }
  const text = phone ? stateText('fault', { minutes: FAULT_MINUTES, phone }) : stateText('reconnecting')
  return { code: error instanceof ApiProblem ? error.code : '', text }
}
