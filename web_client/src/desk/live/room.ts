/** One inspection as it runs: the line, and the answers that the officer has given and that are not on record yet. */
import { reactive, type ComputedRef, type InjectionKey } from 'vue'

import type { AnswerValue, ItemView, View } from '../../shared/protocol'
import { Refusal } from '../../shared/socket'
import { t } from '../text'

import { useLine } from './line'

export type SaveState = 'saving' | 'saved' | 'failed'

export interface Saving {
  state: SaveState
  at: number
  text: string
}

/** One answer, whole, as it is sent. */
export interface Answer {
  value: AnswerValue | null
  measured: number | null
  choice: string | null
  text: string | null
  note: string
}

export function useRoom(record: string) {
  const line = useLine<View>(record)
  const saving = reactive(new Map<string, Saving>())

  /**
   * What was last sent for an item, until the view shows it: an answer given a moment after a measure must carry that measure,
   * although the view still lacks it. `seq` is the event that it became, null while it is on its way.
   */
  const onTheWay = new Map<string, { answer: Answer; seq: number | null }>()

  function standing(item: ItemView): Answer {
    const sent = onTheWay.get(item.id)
    if (sent && (sent.seq === null || item.seq < sent.seq)) return sent.answer
    return { value: item.value, measured: item.measured, choice: item.choice, text: item.text_answer, note: item.note }
  }

  async function answer(item: ItemView, change: Partial<Answer>): Promise<void> {
    const given = { ...standing(item), ...change }
    const entry: { answer: Answer; seq: number | null } = { answer: given, seq: null }
    onTheWay.set(item.id, entry)
    saving.set(item.id, { state: 'saving', at: Date.now(), text: '' })
    try {
      const done = await line.socket.command({ do: 'answer.set', item: item.id, ...given, seen_seq: item.seq })
      entry.seq = typeof done['seq'] === 'number' ? done['seq'] : 0
      saving.set(item.id, { state: 'saved', at: Date.now() + line.socket.clockOffsetMs.value, text: '' })
    } catch (error) {
      if (onTheWay.get(item.id) === entry) onTheWay.delete(item.id)
      const text = error instanceof Refusal ? error.text : t('state.offline')
      saving.set(item.id, { state: 'failed', at: Date.now(), text })
    }
  }

  return { ...line, saving, answer }
}

export type Room = ReturnType<typeof useRoom>
export const ROOM: InjectionKey<Room> = Symbol('room')
export type Live = ComputedRef<View>
