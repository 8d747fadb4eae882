/** One thing asked of the server for a page: it, or what went wrong. Where the network is gone it is asked again when it comes back. */
import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import { Unreachable } from '../shared/api'
import { spoken, type Spoken } from '../shared/spoken'

import { office } from './office'

export interface Asked<T> {
  data: ShallowRef<T | null>
  problem: ShallowRef<Spoken | null>
  offline: Ref<boolean>
  /** What was shown before stays until the answer is there. */
  run: () => Promise<void>
}

const RETRY_MS = 3000

export function useAsked<T>(fetch: () => Promise<T>): Asked<T> {
  const data = shallowRef<T | null>(null)
  const problem = shallowRef<Spoken | null>(null)
  const offline = ref(false)
  let turn = 0
  let retry: ReturnType<typeof setTimeout> | undefined

  async function run(): Promise<void> {
    const mine = ++turn
    clearTimeout(retry)
    try {
      const got = await fetch()
      if (mine !== turn) return
      data.value = got
      problem.value = null
      offline.value = false
    } catch (error) {
      if (mine !== turn) return
      offline.value = error instanceof Unreachable
      if (offline.value) retry = setTimeout(() => void run(), RETRY_MS)
      else problem.value = spoken(error, office.value?.phone)
    }
  }

  const online = (): void => {
    if (offline.value) void run()
  }
  window.addEventListener('online', online)
  onBeforeUnmount(() => {
    turn += 1
    clearTimeout(retry)
    window.removeEventListener('online', online)
  })
  return { data, problem, offline, run }
}
