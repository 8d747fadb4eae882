/**
 * One request and the states a person sees while it runs: loading after 300 ms (K1), slow after 4 s (K2), offline (K3),
 * refused (K5), fault (K7). What was shown before stays while it is fetched again.
 */
import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import { ApiProblem, Unreachable } from '../shared/api'
import { ended } from './session'

export type LoadState = 'idle' | 'quiet' | 'loading' | 'slow' | 'offline' | 'refused' | 'missing' | 'fault'

export interface Load<T> {
  data: ShallowRef<T | null>
  state: Ref<LoadState>
  problem: ShallowRef<ApiProblem | null>
  at: Ref<number | null>
  run: () => Promise<void>
}

export function useLoad<T>(fetch: () => Promise<T>): Load<T> {
  const data = shallowRef<T | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const state = ref<LoadState>('idle')
  const at = ref<number | null>(null)
  let turn = 0
  let retry = 0

  async function run(): Promise<void> {
    const mine = ++turn
    window.clearTimeout(retry)
    const first = data.value === null
    if (first) state.value = 'quiet'
    const timers = first
      ? [
          window.setTimeout(() => mine === turn && (state.value = 'loading'), 300),
          window.setTimeout(() => mine === turn && (state.value = 'slow'), 4000),
        ]
      : []
    try {
      const got = await fetch()
      if (mine !== turn) return
      data.value = got
      problem.value = null
      state.value = 'idle'
      at.value = Date.now()
    } catch (error) {
      if (mine !== turn) return
      if (ended(error)) return
      problem.value = error instanceof ApiProblem ? error : null
      if (error instanceof Unreachable) {
        state.value = 'offline'
        retry = window.setTimeout(() => void run(), 3000)
      } else if (error instanceof ApiProblem && error.status === 403) state.value = 'refused'
      else if (error instanceof ApiProblem && error.status === 404) state.value = 'missing'
      else {
        state.value = 'fault'
        if (!(error instanceof ApiProblem)) console.error(error)
      }
    } finally {
      timers.forEach((timer) => window.clearTimeout(timer))
    }
  }
  const online = (): void => {
    if (state.value === 'offline') void run()
  }
  window.addEventListener('online', online)
  onBeforeUnmount(() => {
    turn += 1
    window.clearTimeout(retry)
    window.removeEventListener('online', online)
  })
  return { data, state, problem, at, run }
}

/** The sentence for a failed act: the server's own, else what we know of the line. */
export function sentenceOf(error: unknown, unreachable: string, fault: string): { text: string; code: string } {
  if (error instanceof ApiProblem && error.detail) return { text: error.detail, code: error.code }
  if (error instanceof Unreachable) return { text: unreachable, code: 'K3' }
  return { text: fault, code: error instanceof ApiProblem ? error.code : 'K7' }
}
