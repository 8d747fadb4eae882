import { beforeEach, expect, test } from 'vitest'

import type { PlaceCard, TicketPage } from '../schemas/api'
import { lang } from '../shared/i18n'

import { current } from './mine'
import { lack } from './number/rating'
import { parse, paths } from './paths'
import { acts, actWord, best, bestVideo, placeOpen, placeWait, standing, tab } from './words'

const NOW = Date.parse('2025-11-24T06:30:00Z')
const WINDOW = { id: 'w', number: 'S01', name: '社保窗', gloss: 'Social insurance', open: true, away: false }
const OFFICE = { name: '松汀区政务服务中心', gloss: 'Songting', phone: '0000' }

function number(state: TicketPage['state'], more: Partial<TicketPage> = {}): TicketPage {
  return {
    label: 'S003', state, day: '2025-11-24', office: OFFICE, matter: { name: '养老金', gloss: 'Pension' }, line: { name: '社保医保', gloss: 'Social' },
    phone: '', video: false, wait: null, window: null, calls: 0, slot: null, away_until: null, next_until: null, can: [], rated: false, ...more,
  }
}
const wait = (ahead: number, low: number | null, high: number | null) => ({ ahead, minutes_low: low, minutes_high: high, officer_on_duty: low !== null })

beforeEach(() => (lang.value = 'zh'))

test('whoever waits is told people before them and a range, or that it is not known', () => {
  const head = (page: TicketPage): string => standing(page, NOW).head
  expect(head(number('queued', { wait: wait(8, 20, 30) }))).toBe('前面8人，约20～30分钟')
  expect(head(number('queued', { wait: wait(0, 0, 5) }))).toBe('下一位就是您，不到5分钟')
  expect(head(number('queued', { wait: wait(8, null, null) }))).toBe('前面8人。现在没有窗口在办，时间说不准。')
  expect(head(number('queued', { wait: wait(40, 150, 200) }))).toBe('前面40人，约2～4小时')
  expect([3, 4].map((ahead) => standing(number('queued', { wait: wait(ahead, 5, 10) }), NOW).near)).toEqual([true, false])
})

test('a call says the window in the page and in the tab', () => {
  const called = number('called', { window: WINDOW, calls: 1, can: ['abandon'] })
  expect(standing(called, NOW).head).toBe('请到S01窗口')
  expect(tab(called, NOW)).toBe('● 请到S01窗口 S003')
  lang.value = 'en'
  expect(tab(number('queued', { wait: wait(2, 5, 10) }), NOW)).toBe('S003: 2 before you')
})

test('a missed number comes back next within its time, and fourth after it', () => {
  const missed = number('missed', { next_until: '2025-11-24T06:33:00Z', can: ['come_back', 'abandon'] })
  expect(standing(missed, NOW).lines).toEqual(['请在14:33前回来，接着就叫您。'])
  expect(standing(missed, NOW + 5 * 60_000).lines).toEqual(['现在回来排第4位，不用重新取号。'])
  expect(acts(missed)).toEqual({ main: 'come_back', others: ['abandon'] })
})

test('who stepped away can come back, and giving up is never the main button', () => {
  const can = ['step_away', 'come_back', 'abandon']
  expect(acts(number('queued', { can }))).toEqual({ main: null, others: ['step_away', 'abandon'] })
  const away = number('queued', { can, wait: wait(8, 20, 30), away_until: '2025-11-24T06:40:00Z' })
  expect(acts(away)).toEqual({ main: 'come_back', others: ['abandon'] })
  expect(standing(away, NOW).head).toBe('您已暂离，请在14:40前回来')
  expect(standing(away, NOW + 11 * 60_000).head).toBe('暂离时间到了，可能随时叫您')
  expect(acts(number('confirmed', { can: ['arrive', 'abandon'] })).main).toBe('arrive')
})

test('who asked for video is called into it, and who is in the hall may go on by it', () => {
  const can = ['abandon', 'call']
  const called = number('called', { video: true, window: WINDOW, can })
  expect([standing(called, NOW).head, acts(called).main]).toEqual(['轮到您了，请进视频', 'call'])
  const waiting = number('queued', { video: true, wait: wait(2, 5, 10), can: [...can, 'step_away'] })
  expect(acts(waiting)).toEqual({ main: null, others: ['call', 'step_away', 'abandon'] })
  expect([standing(waiting, NOW).near, actWord('call', 'queued', true)]).toEqual([false, '先打开视频页面'])
  expect(acts(number('queued', { can })).others).toEqual(['abandon'])
  expect(acts(number('serving', { can: ['call'] }))).toEqual({ main: null, others: ['call'] })
})

test('every state has a sentence in both languages', () => {
  const states: TicketPage['state'][] = ['reserved', 'confirmed', 'queued', 'called', 'serving', 'parked', 'transferred', 'missed', 'finished', 'abandoned']
  for (const language of ['zh', 'en'] as const) {
    lang.value = language
    for (const state of states) {
      const said = standing(number(state, { window: WINDOW, wait: wait(1, 5, 10), slot: '2025-11-25T01:00:00Z' }), NOW)
      expect(said.head, state).not.toMatch(/^$|\{/)
      expect(said.lines.join(''), state).not.toMatch(/\{/)
    }
  }
})

test('the place to go to is the first that gives numbers', () => {
  const place = (office: string, more: Partial<PlaceCard>): PlaceCard => ({
    ...OFFICE, office, address: '', line: '', line_gloss: '', open: false, gives_numbers: false, opens: null, distance_m: null, wait: wait(0, null, null), ...more,
  })
  const places = [place('near', { opens: '2025-11-25T01:00:00Z' }), place('far', { open: true, gives_numbers: true, wait: wait(3, 10, 20) })]
  expect([best(places)?.office, best(places.slice(0, 1))?.office, best([])]).toEqual(['far', 'near', null])
  const staffed = place('staffed', { wait: wait(1, 5, 10) })
  expect([bestVideo([...places, staffed])?.office, bestVideo(places)?.office, bestVideo([]) ?? null]).toEqual(['staffed', 'far', null])
  expect(placeOpen(places[0]!)).toBe('现在不取号，11月25日（星期二）09:00开门')
  expect([placeWait(places[1]!), placeWait(places[0]!)]).toEqual(['3人在等，新取的号要等约10～20分钟', ''])
})

test('paths lead to where they were made for', () => {
  expect(parse(paths.find('换 证?'))).toEqual({ page: 'find', words: '换 证?' })
  expect(parse(paths.guide('pension-claim'))).toEqual({ page: 'guide', guide: 'pension-claim' })
  expect(parse(paths.take('pension-claim', '990101'))).toEqual({ page: 'take', guide: 'pension-claim', office: '990101', video: false })
  expect(parse(paths.take('a', 'b', true))).toEqual({ page: 'take', guide: 'a', office: 'b', video: true })
  expect(parse(paths.number('a_b-C'))).toEqual({ page: 'number', token: 'a_b-C' })
  expect(parse('/hall/guides/pension-claim/take')).toEqual({ page: 'guide', guide: 'pension-claim' })
})

test('numbers of days gone by are not offered again, but for those that midnight carried over', () => {
  const held = ['2025-11-20', '2025-11-23', '2025-11-24', '2025-11-25'].map((day) => ({ token: day, label: 'S001', day }))
  expect(current(held, '2025-11-24').map((each) => each.day)).toEqual(['2025-11-23', '2025-11-24', '2025-11-25'])
})

test('a low rating says why, a good one need not, and none is sent by itself', () => {
  const level = (of: number, reason_required: boolean) => ({ level: of, key: '', label: '', gloss: '', reason_required, reasons: [] })
  const levels = [level(5, false), level(1, true)]
  expect(lack(levels, null, [], '')).toBe('none')
  expect(lack(levels, 5, [], '')).toBeNull()
  expect([lack(levels, 1, [], ' '), lack(levels, 1, ['115'], ''), lack(levels, 1, [], '等太久')]).toEqual(['missing', null, null])
  expect(lack(levels, 1, ['1', '2', '3', '4', '5', '6'], '')).toBe('many')
})
