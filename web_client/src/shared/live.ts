/**
 * Something on the server that is followed while the page is open: its state now, and every change (server-sent events).
 *
 * The server says every 40 s that it is still there, a wall hears of it every 5 s. So silence means a dead line, which a phone that slept or changed its
 * network does not notice by itself; waking, coming back to the page and a network that returns look at once.
 */
import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import { api, ApiProblem } from './api'

/** Longer without a word than the server's round and a slow network: the line is dead. */
const SILENT_MS = 55_000
/** Whoever looks again after this long may have missed something. */
const ASLEEP_MS = 3_000
const LONGEST_RETRY_MS = 15_000
const LOOK_MS = 1_000

/** Before the nth try: growing, and drawn by lot, because thousands lose a node in the same second. `lot` is 0..1. */
export function retryAfter(tries: number, lot: number): number {
  return Math.min(LONGEST_RETRY_MS, 1000 * 2 ** tries) * (0.5 + lot / 2)
}

export interface Live<T> {
  data: ShallowRef<T | null>
  /** `refused`: it is not there or not for this reader; nothing is tried again. */
  state: Ref<'opening' | 'live' | 'lost' | 'refused'>
  problem: ShallowRef<ApiProblem | null>
  /** When something was last heard, by this device's clock. */
  heardAt: Ref<number>
  again: () => void
  /** What an answer to one's own act says, without waiting for the line. */
  put: (data: T) => void
}

/** Follows `path`, live at `path/live`, until the component goes. */
export function follow<T>(path: string, silentMs = SILENT_MS): Live<T> {
  const data = shallowRef<T | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const state = ref<'opening' | 'live' | 'lost' | 'refused'>('opening')
  const heardAt = ref(Date.now())
  let source: EventSource | null = null
  let tries = 0
  let retry: ReturnType<typeof setTimeout> | undefined

  function heard(): void {
    heardAt.value = Date.now()
    state.value = 'live'
    problem.value = null
    tries = 0
  }

  function put(next: T): void {
    data.value = next
  }

  function close(): void {
    clearTimeout(retry)
    source?.close()
    source = null
  }

  function connect(): void {
    close()
    const line = new EventSource(`${path}/live`)
    source = line
    line.onmessage = (event: MessageEvent<string>) => {
      put(JSON.parse(event.data) as T)
      heard()
    }
    line.addEventListener('here', heard)
    line.onerror = () => {
      if (source !== line) return
      close()
      if (state.value === 'live') state.value = 'lost'
      void whatIsWrong()
    }
  }

  /** An event source does not tell why it failed. */
  async function whatIsWrong(): Promise<void> {
    retry = setTimeout(connect, retryAfter(tries, Math.random()))
    tries += 1
    try {
      const now = await api.get<T>(path)
      if (source === null) put(now)
    } catch (error) {
      if (!(error instanceof ApiProblem)) return
      problem.value = error
      if (error.status === 404 || error.status === 403) {
        close()
        state.value = 'refused'
      }
    }
  }

  function again(): void {
    if (state.value === 'refused') return
    heardAt.value = Date.now() // as long as a fresh line needs to speak
    tries = 0
    connect()
  }

  const wake = (): void => {
    if (document.visibilityState === 'visible' && (state.value !== 'live' || Date.now() - heardAt.value > ASLEEP_MS)) again()
  }
  const look = setInterval(() => {
    if (state.value !== 'live' || Date.now() - heardAt.value < silentMs) return
    state.value = 'lost'
    connect()
  }, LOOK_MS)
  const lost = (): void => {
    if (state.value === 'live') state.value = 'lost'
  }
  document.addEventListener('visibilitychange', wake)
  window.addEventListener('pageshow', wake)
  window.addEventListener('online', again)
  window.addEventListener('offline', lost)
  onBeforeUnmount(() => {
    close()
    clearInterval(look)
    document.removeEventListener('visibilitychange', wake)
    window.removeEventListener('pageshow', wake)
    window.removeEventListener('online', again)
    window.removeEventListener('offline', lost)
  })
  connect()
  return { data, state, problem, heardAt, again, put }
}
