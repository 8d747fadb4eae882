/** Follows one job until it is over. Giving up looking does not stop the job: it goes on and is found again. */
import { onBeforeUnmount, ref, shallowRef } from 'vue'

import { ApiProblem } from '../shared/api'
import { ended } from '../desk/session'
import { archive, type Job } from './archive'

/** Often enough that progress moves, seldom enough that an hour's package costs nothing. */
const POLL_MS = 1000

export type Following = 'idle' | 'queued' | 'running' | 'done' | 'dead' | 'left' | 'refused'

export function useJob(start: () => Promise<{ job: string }>) {
  const state = ref<Following>('idle')
  const progress = ref(0)
  const job = shallowRef<Job | null>(null)
  const problem = ref('')
  let turn = 0
  let timer = 0

  async function poll(id: string, mine: number): Promise<void> {
    if (mine !== turn) return
    try {
      const seen = await archive.job(id)
      if (mine !== turn) return
      job.value = seen
      progress.value = Math.round(seen.progress)
      if (seen.state === 'done') state.value = 'done'
      else if (seen.state === 'dead') state.value = 'dead'
      else state.value = seen.state === 'queued' && seen.progress === 0 ? 'queued' : 'running'
      if (state.value === 'done' || state.value === 'dead') return
    } catch (error) {
      if (ended(error)) return
      // A lost line is no verdict: ask again.
    }
    timer = window.setTimeout(() => void poll(id, mine), POLL_MS)
  }

  async function run(): Promise<void> {
    const mine = ++turn
    state.value = 'queued'
    progress.value = 0
    problem.value = ''
    job.value = null
    try {
      const { job: id } = await start()
      await poll(id, mine)
    } catch (error) {
      if (mine !== turn || ended(error)) return
      state.value = 'refused'
      problem.value = error instanceof ApiProblem ? error.detail : ''
    }
  }

  function leave(): void {
    turn += 1
    window.clearTimeout(timer)
    state.value = 'left'
  }

  onBeforeUnmount(() => {
    turn += 1
    window.clearTimeout(timer)
  })
  return { state, progress, job, problem, run, leave }
}
