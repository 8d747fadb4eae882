/** Signing on this phone, whoever signs here: the name by hand, how far it is, and what went wrong. The page stays awake. */
import { onBeforeUnmount, onMounted, ref } from 'vue'

import { keepAwake } from '../../shared/media'
import { SignatureMismatch, signSheet, type Signed, type SignStage } from '../../shared/sign'
import { problemText } from '../../shared/states/text'
import { spoken, type Session, type Spoken } from '../session'
import { t } from '../text'

export function useSigning(session: Session, role: 'applicant' | 'witness', record: () => string) {
  const pad = ref<{ clear: () => void; image: () => Promise<Blob | null> } | null>(null)
  const stage = ref<SignStage | null>(null)
  const problem = ref<Spoken | null>(null)
  const gone = new AbortController()
  let empty = true

  /** What the pad tells of itself. */
  function drew(isEmpty: boolean): void {
    empty = isEmpty
    if (!isEmpty && problem.value?.code === '') problem.value = null
  }

  /** Null: it did not come to a signature, and `problem` says why unless the page was left. */
  async function sign(drawn: Blob | null): Promise<Signed | null> {
    if (!record() || stage.value !== null) return null
    problem.value = null
    try {
      return await signSheet({
        record: record(),
        role,
        drawn,
        remark: '',
        read: session.read.value,
        onStage: (name) => (stage.value = name),
        left: gone.signal,
      })
    } catch (error) {
      if (!gone.signal.aborted) problem.value = said(error)
      return null
    } finally {
      stage.value = null
    }
  }

  function said(error: unknown): Spoken {
    if (error instanceof SignatureMismatch) return { code: 'G01', text: t('sign.mismatch', { phone: session.office.value?.phone ?? '' }) }
    const words = spoken(error)
    return words.text && words.code ? words : { code: 'G01', text: problemText('G01') }
  }

  async function signByHand(): Promise<Signed | null> {
    const drawn = empty ? null : ((await pad.value?.image()) ?? null)
    if (drawn) return sign(drawn)
    problem.value = { code: '', text: t('sign.empty') }
    return null
  }

  let sleep: (() => void) | null = null
  onMounted(() => (sleep = keepAwake()))
  onBeforeUnmount(() => {
    sleep?.()
    gone.abort()
  })
  return { pad, stage, problem, drew, sign, signByHand }
}
