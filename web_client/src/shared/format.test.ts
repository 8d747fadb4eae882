import { beforeEach, expect, test } from 'vitest'

import * as format from './format'
import { lang } from './i18n'

const WHEN = '2025-11-24T06:30:05Z'
beforeEach(() => (lang.value = 'zh'))

test('dates are Beijing time, as each language writes them', () => {
  expect(format.formatFullDate(WHEN)).toBe('2025年11月24日（星期一）14:30')
  expect(format.formatStamp(WHEN)).toBe('2025-11-24 14:30:05')
  expect(format.formatIsoDay('2025-11-24T16:00:00Z')).toBe('2025-11-25')
  lang.value = 'en'
  expect(format.formatFullDate(WHEN)).toBe('Mon 24 Nov 2025, 14:30')
})

test('lengths have no colon', () => {
  expect([format.formatLength(754), format.formatLength(5), format.formatLength(3605)]).toEqual(['12分34秒', '5秒', '1小时0分5秒'])
  lang.value = 'en'
  expect(format.formatLength(754)).toBe('12 min 34 s')
})

test('100 per cent means all', () => {
  expect([format.formatPercent(99.99), format.formatPercent(100), format.formatPercent(98.6)]).toEqual(['99.9%', '100%', '98.6%'])
})

test('distances, ranges and measures', () => {
  expect([format.formatDistance(80), format.formatDistance(2300)]).toEqual(['80米', '2.3公里'])
  expect([format.formatMinutesRange(5, 10), format.formatMinutesRange(0, 5)]).toEqual(['5～10分钟', '不到5分钟'])
  expect([format.formatAbout(5, 10), format.formatAbout(0, 5)]).toEqual(['约5～10分钟', '不到5分钟'])
  expect([format.formatMinutesRange(115, 150), format.formatMinutesRange(125, 150)]).toEqual(['115～150分钟', '2～3小时'])
  lang.value = 'en'
  expect([format.formatMeasure(12, '℃'), format.formatMeasure(31.2, 'm'), format.formatMeasure(3, null)]).toEqual(['12℃', '31.2 m', '3'])
})

test('names and numbers are masked once', () => {
  expect([format.maskPhone('13812345678'), format.maskPhone('138****5678')]).toEqual(['138****5678', '138****5678'])
  expect([format.maskName('张青禾'), format.maskName('张*'), format.maskName('𠮷田')]).toEqual(['张*', '张*', '𠮷*'])
})
