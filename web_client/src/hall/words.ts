/** What a wait, a place and a number are said to be, from what the server knows. Pure. */
import type { PlaceCard, Queue, TicketPage } from '../schemas/api'
import { formatAbout, formatDayTime, formatHourMinute, toMs } from '../shared/format'

import { t, type HallKey } from './text'

const range = (wait: Queue): string | null =>
  wait.minutes_low === null || wait.minutes_high === null ? null : formatAbout(wait.minutes_low, wait.minutes_high)

/** How it is there for whoever comes now. */
export function placeWait(place: PlaceCard): string {
  const known = range(place.wait)
  if (known === null) return place.wait.ahead === 0 ? '' : t('guide.waiting.unknown', { n: place.wait.ahead })
  return place.wait.ahead === 0 ? t('guide.waiting.none') : t('guide.waiting', { n: place.wait.ahead, range: known })
}

export function placeOpen(place: PlaceCard): string {
  if (place.open) return t('guide.open')
  if (place.gives_numbers) return t('guide.gives')
  return place.opens ? t('guide.opens', { when: formatDayTime(place.opens) }) : t('guide.closed')
}

/** Nearest of those that give numbers; the server has sorted them. */
export function best(places: readonly PlaceCard[]): PlaceCard | null {
  return places.find((place) => place.gives_numbers) ?? places[0] ?? null
}

/** Where help by video is soonest: whoever sits at a window now helps, wherever it is. */
export function bestVideo(places: readonly PlaceCard[]): PlaceCard | null {
  const able = places.filter((place) => place.wait.officer_on_duty || place.gives_numbers)
  const minutes = (place: PlaceCard): number => place.wait.minutes_high ?? Infinity
  return able.reduce<PlaceCard | null>((best, place) => (best === null || minutes(place) < minutes(best) ? place : best), null)
}

export const NEAR = 3

export interface Standing {
  /** What somebody sees first, and in the tab. */
  head: string
  lines: string[]
  /** Come back near the hall. */
  near: boolean
}

function waits(wait: Queue): string {
  const known = range(wait)
  if (wait.ahead === 0) return known === null ? t('number.wait.next.unknown') : t('number.wait.next', { range: known })
  return known === null ? t('number.wait.unknown', { n: wait.ahead }) : t('number.wait.ahead', { n: wait.ahead, range: known })
}

/** The number in words at this moment (`now` in ms: a missed one may come back in time, or late). */
export function standing(page: TicketPage, now: number): Standing {
  const window = page.window?.number ?? ''
  const say = (head: string, ...lines: string[]): Standing => ({ head, lines, near: false })
  switch (page.state) {
    case 'queued': {
      const wait = page.wait ? waits(page.wait) : ''
      if (page.away_until) {
        const over = now > toMs(page.away_until)
        const head = over ? t('number.away.over') : t('number.away', { time: formatHourMinute(page.away_until) })
        return say(head, wait, over ? '' : t('number.away.why'))
      }
      if (page.video) return say(wait, t('number.video.wait'))
      const near = page.wait !== null && page.wait.ahead <= NEAR
      return { head: wait, lines: near ? [] : [t('number.far')], near }
    }
    case 'called':
      return page.video
        ? say(t('number.video.called'), t('number.video.called.do'))
        : say(t('number.called', { window }), t('number.called.do'))
    case 'serving':
      return say(page.video ? t('number.video.serving') : t('number.serving', { window }), t('number.serving.do'))
    case 'parked':
      return say(t('number.parked', { window }), t('number.parked.do'))
    case 'transferred':
      return say(t('number.transferred'), t('number.transferred.do', { window }))
    case 'missed': {
      const soon = page.next_until !== null && now < toMs(page.next_until)
      return say(
        t('number.missed'),
        soon ? t('number.missed.soon', { time: formatHourMinute(page.next_until!) }) : t('number.missed.late'),
      )
    }
    case 'reserved':
    case 'confirmed':
      return say(
        page.slot ? t('number.confirmed', { when: formatDayTime(page.slot) }) : t('number.reserved'),
        t('number.confirmed.do'),
      )
    case 'finished':
      return say(t('number.finished'))
    case 'abandoned':
      return say(t('number.abandoned'), t('number.abandoned.do'))
  }
}

/** For the tab: who has another page before them sees it there. */
export function tab(page: TicketPage, now: number): string {
  if (page.state === 'called' && page.video) return t('number.tab.video', { label: page.label })
  if (page.state === 'called') return t('number.tab.called', { window: page.window?.number ?? '', label: page.label })
  if (page.state === 'queued' && page.wait && !page.away_until)
    return t('number.tab.ahead', { label: page.label, n: page.wait.ahead })
  return t('number.tab.plain', { label: page.label, state: standing(page, now).head })
}

export type Act = 'call' | 'arrive' | 'step_away' | 'come_back' | 'abandon'
/** When the call is what comes next. */
const IN_CALL: readonly TicketPage['state'][] = ['called', 'serving', 'transferred']

/** The main button and the lesser ones: what the server allows, in the order of likelihood. Giving up is never the main one. */
export function acts(page: TicketPage): { main: Act | null; others: Act[] } {
  const may = (act: Act): boolean => page.can.includes(act)
  const away = page.state === 'queued' && page.away_until !== null
  const inCall = may('call') && IN_CALL.includes(page.state)
  let main: Act | null = null
  if (page.video && inCall) main = 'call'
  else if (may('arrive')) main = 'arrive'
  else if (may('come_back') && (page.state === 'missed' || away)) main = 'come_back'
  const others: Act[] = []
  // Who is in the hall may go on by video; who waits for video may look at its page before.
  if (main !== 'call' && may('call') && (page.video || inCall)) others.push('call')
  if (may('step_away') && !away) others.push('step_away')
  if (may('abandon')) others.push('abandon')
  return { main, others }
}

export function actWord(act: Act, state: TicketPage['state'], video: boolean): string {
  if (act === 'call') return t(IN_CALL.includes(state) ? (video ? 'number.call' : 'number.call.instead') : 'number.call.early')
  return t((act === 'come_back' && state === 'missed' ? 'number.missed.back' : `number.${act}`) as HallKey)
}
