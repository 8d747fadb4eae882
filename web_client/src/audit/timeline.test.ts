import { expect, test } from 'vitest'

import { answerSign, mainLeg, markBefore, markId, neighbour, partAt, stillUntil, type Mark, type StripPart, type TimelineLeg } from './timeline'

const mark = (at_ms: number, seq = 1, verdict: string | null = null): Mark => ({ at_ms, seq, tag: '', kind: 'answer', text_zh: '', text_en: '', verdict })
const part = (from_ms: number, to_ms: number, kind: StripPart['class']): StripPart => ({ from_ms, to_ms, class: kind, cause: '' })
const leg = (role: string, ...strip: StripPart[]): TimelineLeg => ({ leg: role, name: role, role, epochs: [], strip, quality: [] })

test('marks are stepped through; pressing back again walks on', () => {
  const marks = [mark(1000), mark(5000), mark(9000)]
  expect([markBefore(marks, 0), markBefore(marks, 5000)]).toEqual([-1, 1])
  expect(neighbour(marks, 5000, 1)?.at_ms).toBe(9000)
  expect(neighbour(marks, 5300, -1)?.at_ms).toBe(1000)
  expect(neighbour(marks, 9000, 1)).toBeNull()
})

test('a gap has a name of its own', () => {
  expect([markId(mark(700, 12)), markId(mark(700, 0))]).toEqual(['12', 'gap-700'])
})

test('each verdict has a sign of its own, and so has an item that is open again', () => {
  expect(['conforms', 'fails', 'na', 'not_seen', null].map((verdict) => answerSign(mark(0, 1, verdict)))).toEqual(['✓', '✕', '–', '?', '○'])
})

test('a stretch is still only when nobody is to be seen', () => {
  const gone = leg('applicant', part(0, 1000, 'live'), part(1000, 5000, 'interrupted'))
  expect(stillUntil([gone, leg('lead', part(0, 3000, 'frozen'))], 2000)).toBe(3000)
  expect(stillUntil([gone, leg('lead', part(0, 3000, 'muted'))], 2000)).toBeNull()
  expect(partAt(gone.strip, 1000)?.class).toBe('interrupted')
  expect(partAt(gone.strip, 5000)).toBeNull()
  expect(mainLeg([leg('lead'), gone])?.role).toBe('applicant')
})
