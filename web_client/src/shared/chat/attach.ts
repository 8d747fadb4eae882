/** A file on its way to the other side: hashed before it leaves, sent again once where it was damaged on the way. */
import { ref } from 'vue'

import { ApiProblem, uploadFile } from '../api'
import { sha256Hex } from '../media/photo'
import { spoken } from '../spoken'

export function useAttach(record: () => string | undefined) {
  /** How much of it is there, 0..1; null while nothing is sent. */
  const share = ref<number | null>(null)
  const problem = ref('')

  async function send(blob: Blob, name: string): Promise<boolean> {
    const to = record()
    if (!to || share.value !== null) return false
    problem.value = ''
    share.value = 0
    try {
      const sha256 = await sha256Hex(await blob.arrayBuffer())
      const once = () => uploadFile({ record: to, blob, sha256, name }, (done) => (share.value = done))
      await once().catch((error: unknown) => {
        if (error instanceof ApiProblem && error.code === 'F03') return once()
        throw error
      })
      return true
    } catch (error) {
      problem.value = spoken(error).text
      return false
    } finally {
      share.value = null
    }
  }
  return { share, problem, send }
}
