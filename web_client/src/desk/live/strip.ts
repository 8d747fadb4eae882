/** The marks above the second strip of a running call, read from the view. Pure. */
import type { View } from '../../shared/protocol'

export interface LiveMark {
  at_ms: number
  kind: 'answer' | 'photo' | 'step'
  verdict: string | null
  item: string | null
}

/** Answers, photos and steps as marks above the strip. */
export function liveMarks(view: View): LiveMark[] {
  if (view.call_started_at === null) return []
  const start = new Date(view.call_started_at).getTime()
  const since = (at: string): number => new Date(at).getTime() - start
  const marks: LiveMark[] = []
  for (const item of view.checklist.items) {
    if (item.at !== null) marks.push({ at_ms: since(item.at), kind: 'answer', verdict: item.verdict, item: item.id })
  }
  for (const photo of view.photos) marks.push({ at_ms: since(photo.at), kind: 'photo', verdict: null, item: photo.item })
  for (const step of Object.values(view.steps)) {
    if (step?.done_at) marks.push({ at_ms: since(step.done_at), kind: 'step', verdict: null, item: null })
  }
  return marks.filter((mark) => mark.at_ms >= 0).sort((a, b) => a.at_ms - b.at_ms)
}
