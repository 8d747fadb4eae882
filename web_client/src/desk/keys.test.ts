import { expect, test } from 'vitest'

import { DESK_KEYS, find, hint, spelled } from './keys'

const press = (key: string, more: Partial<KeyboardEvent> = {}): KeyboardEvent =>
  ({ key, ctrlKey: false, metaKey: false, shiftKey: false, ...more }) as KeyboardEvent

test('shift is named only where it does not change the sign', () => {
  expect(spelled(press('H', { shiftKey: true }))).toBe('shift+h')
  expect(spelled(press('"', { shiftKey: true }))).toBe('"')
  expect(spelled(press('ArrowLeft', { ctrlKey: true }))).toBe('ctrl+arrowleft')
})

test('no two entries of the desk share a key, and each has a hint', () => {
  const keys = DESK_KEYS.flatMap((entry) => [...entry.keys])
  expect(new Set(keys).size).toBe(keys.length)
  for (const entry of DESK_KEYS) expect(hint(DESK_KEYS, entry.name)).not.toBe('')
})

test('a pressed key finds its entry', () => {
  expect(find(DESK_KEYS, press('F2'))).toBe('picture')
  expect(find(DESK_KEYS, press('§'))).toBeNull()
})
