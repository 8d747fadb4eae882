import { beforeEach, expect, test } from 'vitest'

import type { LineRow } from '../../schemas/api'
import { lang } from '../../shared/i18n'

import { alarmText, longestMinutes, satisfied, totals } from './lines'

const NOW = Date.parse('2025-11-24T06:30:00Z')
const row = (more: Partial<LineRow>): LineRow => ({
  name: '企业登记', gloss: 'Company registration', id: 'x', office: '松汀区', letter: 'A', waiting: 0, longest_since: null, windows_open: 0, windows: 2,
  alarm: false, alarm_minutes: 20, open_window: null, ...more,
})
beforeEach(() => (lang.value = 'zh'))

test('an alarm says how long, from when it is one, and which window would help', () => {
  const late = row({ waiting: 9, longest_since: '2025-11-24T05:48:10Z', alarm: true })
  const window = { id: 'w', number: '05', name: '', gloss: '', open: false, away: false }
  expect(alarmText({ ...late, open_window: window }, NOW)).toBe('松汀区 企业登记等候41分钟，超过20分钟。建议开05窗口。')
  expect(alarmText(late, NOW)).toBe('松汀区 企业登记等候41分钟，超过20分钟。窗口已全开，建议增加人手，或请后来的人改用视频帮办。')
})

test('totals count people and windows, and the longest wait of all', () => {
  const rows = [row({ waiting: 2, longest_since: '2025-11-24T06:20:00Z', windows_open: 1 }), row({ waiting: 1, longest_since: '2025-11-24T06:29:30Z' })]
  expect(totals(rows, NOW)).toEqual({ waiting: 3, longest: 10, open: 1, windows: 4 })
  expect([totals([], NOW).longest, longestMinutes(row({ longest_since: '2025-11-24T06:31:00Z' }), NOW)]).toEqual([null, 0])
})

test('nobody is satisfied where nobody has rated', () => {
  const level = (of: number, count: number) => ({ level: of, name: '', gloss: '', count })
  expect(satisfied({ since: '', low: [], levels: [level(5, 2), level(4, 1), level(3, 1)] })).toBe(75)
  expect(satisfied({ since: '', low: [], levels: [level(5, 0)] })).toBeNull()
})
