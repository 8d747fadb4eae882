/** The sentence of whatever went wrong with a request, for the person before the page. */
import { ApiProblem, Unreachable } from './api'
import { stateText } from './states/text'

export interface Spoken {
  code: string
  text: string
}

export function spoken(error: unknown): Spoken {
  if (error instanceof ApiProblem && error.detail) return { code: error.code, text: error.detail }
  if (error instanceof Unreachable) return { code: '', text: stateText('offline') }
  return { code: error instanceof ApiProblem ? error.code : '', text: stateText('reconnecting') }
}
