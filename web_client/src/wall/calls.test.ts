import { beforeEach, expect, test } from 'vitest'

import type { WallCall, WallLine } from '../schemas/api'
import { lang } from '../shared/i18n'

import { linesNow, newCalls, spoken } from './calls'

const call = (label: string, minute: number, window = 'S01'): WallCall => ({ label, window, called_at: `2025-11-24T06:${minute}:00Z` })
const line = (letter: string): WallLine => ({ name: letter, gloss: letter, letter, next: [], wait: { ahead: 0, minutes_low: null, minutes_high: null, officer_on_duty: false } })

beforeEach(() => (lang.value = 'zh'))

test('each call is announced once, in the order of calling, and again when it is called again', () => {
  const first = [call('S001', 30)]
  const second = [call('S003', 32), call('S002', 31), ...first]
  expect(newCalls(first, second).map((each) => each.label)).toEqual(['S002', 'S003'])
  expect(newCalls(second, second)).toEqual([])
  expect(newCalls(second, [call('S001', 33), ...second.slice(0, 2)]).map((each) => each.label)).toEqual(['S001'])
})

test('a number is spoken digit by digit', () => {
  expect(spoken(call('A023', 30))).toBe('请A 零 二 三号，到S 零 一号窗口')
  lang.value = 'en'
  expect(spoken(call('A023', 30))).toBe('Number A 0 2 3, window S 0 1')
})

test('every line has its turn on the screen', () => {
  const lines = ['A', 'B', 'C', 'M', 'S'].map(line)
  expect([0, 1, 2].map((turn) => linesNow(lines, 4, turn).lines.map((each) => each.letter).join(''))).toEqual(['ABCM', 'S', 'ABCM'])
  expect(linesNow([], 4, 3)).toEqual({ lines: [], page: 1, pages: 1 })
})
