import { expect, test } from 'vitest'

import type { FileView, MessageView } from '../../schemas/api'
import { hasSmall, inOrder, sizeWords } from './order'

const at = (second: number): string => `2026-11-23T01:00:0${second}Z`
const said = (text: string, second: number): MessageView => ({ mine: false, from: '张敏', role: 'lead', text, at: at(second) })
const sent = (name: string, second: number): FileView => ({ id: name, mine: true, name, bytes: 1, mime: '', by: '刘*', role: 'applicant', at: at(second) })

test('words and files stand in the order of time, words first within a moment', () => {
  const list = inOrder([said('a', 1), said('c', 3)], [sent('b', 2), sent('d', 3)])
  expect(list.map((entry) => entry.text ?? entry.file?.name)).toEqual(['a', 'b', 'c', 'd'])
  expect(list[1]).toMatchObject({ from: '刘*', mine: true })
})

test('what has a small copy is shown as a picture, everything else by its name', () => {
  const kinds = ['image/jpeg', 'image/png', 'image/heic', 'application/pdf', '']
  expect(kinds.map((mime) => hasSmall({ mime }))).toEqual([true, true, false, false, false])
})

test('a size is said as people read it', () => {
  expect([0, 1500, 1024 * 1024 * 2.5].map(sizeWords)).toEqual(['1 KB', '1 KB', '2.5 MB'])
})
