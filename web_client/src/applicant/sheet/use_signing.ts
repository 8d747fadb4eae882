/** Signing on this phone, whoever signs here: the name by hand, the code, how far it is, what went wrong. The page stays awake. */
import { onBeforeUnmount, onMounted, ref } from 'vue'

import { keepAwake } from '../../shared/media'
import { sendSigningCode, SignatureMismatch, signSheet, type Signed, type SignStage } from '../../shared/sign'
import { problemText } from '../../shared/states/text'
import { spoken, type Session, type Spoken } from '../session'
import { t } from '../text'

export function useSigning(session: Session, role: 'applicant' | 'witness', record: () => string) {
  const pad = ref<{ clear: () => void; image: () => Promise<Blob | null> } | null>(null)
  const stage = ref<SignStage | null>(null)
  const problem = ref<Spoken | null>(null)
  const asking = ref(false)
  const sentTo = ref('')
  const complaint = ref<Spoken | null>(null)
  const gone = new AbortController()
  let empty = true

  /** What the pad tells of itself. */
  function drew(isEmpty: boolean): void {
    empty = isEmpty
    if (!isEmpty && problem.value?.code === '') problem.value = null
  }

  /** What was drawn waits here for the code; null where somebody signs without drawing. */
  let drawn: Blob | null = null

  async function signByHand(): Promise<void> {
    drawn = empty ? null : ((await pad.value?.image()) ?? null)
    if (drawn) return askCode()
    problem.value = { code: '', text: t('sign.empty') }
  }

  async function signByCode(): Promise<void> {
    drawn = null
    await askCode()
  }

  /** A code to this person's own number, good for one signature on this sheet. */
  async function askCode(): Promise<void> {
    if (!record() || stage.value !== null) return
    problem.value = null
    complaint.value = null
    try {
      sentTo.value = await sendSigningCode(record(), role)
      asking.value = true
    } catch (error) {
      if (asking.value) complaint.value = said(error)
      else problem.value = said(error)
    }
  }

  /** Null: it did not come to a signature, and `complaint` or `problem` says why unless the page was left. */
  async function sign(code: string): Promise<Signed | null> {
    if (!record() || stage.value !== null) return null
    problem.value = null
    complaint.value = null
    try {
      return await signSheet({
        record: record(),
        role,
        drawn,
        remark: '',
        code,
        read: session.read.value,
        onStage: (name) => {
          stage.value = name
          // The code was taken, or has to wait with everything else.
          if (name !== 'key' && name !== 'prepare') asking.value = false
        },
        left: gone.signal,
      })
    } catch (error) {
      if (gone.signal.aborted) return null
      const words = said(error)
      asking.value = words.code.startsWith('L')
      if (asking.value) complaint.value = words
      else problem.value = words
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

  let sleep: (() => void) | null = null
  onMounted(() => (sleep = keepAwake()))
  onBeforeUnmount(() => {
    sleep?.()
    gone.abort()
  })
  return { pad, stage, problem, drew, asking, sentTo, complaint, signByHand, signByCode, askCode, sign }
}
