/** What the grey card says while nobody's picture is there: the same sentence the desk and the strip use. */
import { causeWords } from '../../shared/causes'
import { formatClock, formatLength } from '../../shared/format'
import { t, tOf } from '../text'
import { partAt, type TimelineLeg } from '../timeline'

export function gapSentence(leg: TimelineLeg, at: number, start: number): { text: string; until: string } {
  const part = partAt(leg.strip, at)
  if (part === null || part.class === 'live' || part.class === 'muted') {
    const first = leg.epochs[0]?.start_ms ?? Number.POSITIVE_INFINITY
    const name = leg.name
    if (at < first) return { text: t('gap.before', { name }), until: '' }
    const ends = leg.epochs.map((epoch) => epoch.start_ms + epoch.length_ms)
    return at >= Math.max(0, ...ends) ? { text: t('gap.after', { name }), until: '' } : { text: t('replay.hidden'), until: '' }
  }
  const length = formatLength((part.to_ms - part.from_ms) / 1000)
  const what =
    part.class === 'interrupted'
      ? t('gap.interrupted', { length })
      : part.class === 'no_signal'
        ? t('gap.no_signal', { length })
        : `${tOf('class.', part.class)} ${length}`
  const cause = causeWords(part.cause)
  return {
    text: cause ? t('gap.cause', { what, name: leg.name, cause }) : what,
    until: t('gap.until', { time: formatClock(start + part.to_ms) }),
  }
}
