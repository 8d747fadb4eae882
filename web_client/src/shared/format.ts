/** Figures as people read them (GB/T 15835): Beijing time, 24 hours, a colon only for clock time, masks for names and numbers. */
import { lang } from './i18n'

const BEIJING_MS = 8 * 3600_000 // no daylight saving since 1991
const WEEKDAY_ZH = ['日', '一', '二', '三', '四', '五', '六']
const WEEKDAY_EN = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTH_EN = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export type When = string | number | Date

export function toMs(when: When): number {
  return typeof when === 'number' ? when : new Date(when).getTime()
}

function parts(when: When) {
  const d = new Date(toMs(when) + BEIJING_MS)
  const two = (n: number): string => String(n).padStart(2, '0')
  return {
    year: d.getUTCFullYear(),
    month: d.getUTCMonth(),
    day: d.getUTCDate(),
    weekday: d.getUTCDay(),
    hm: `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`,
    hms: `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`,
    two,
  }
}

/** `11月24日（星期一）` / `Mon 24 Nov` */
export function formatDay(when: When): string {
  const p = parts(when)
  if (lang.value === 'zh') return `${p.month + 1}月${p.day}日（星期${WEEKDAY_ZH[p.weekday]}）`
  return `${WEEKDAY_EN[p.weekday]} ${p.day} ${MONTH_EN[p.month]}`
}

/** `11月24日（星期一）14:30` / `Mon 24 Nov 14:30` */
export function formatDayTime(when: When): string {
  return lang.value === 'zh' ? `${formatDay(when)}${parts(when).hm}` : `${formatDay(when)} ${parts(when).hm}`
}

/** `2025年11月24日（星期一）14:30` / `Mon 24 Nov 2025, 14:30` */
export function formatFullDate(when: When): string {
  const p = parts(when)
  if (lang.value === 'zh') return `${p.year}年${formatDay(when)}${p.hm}`
  return `${formatDay(when)} ${p.year}, ${p.hm}`
}

/** `2025-11-24 14:30:05`, for tables */
export function formatStamp(when: When): string {
  const p = parts(when)
  return `${p.year}-${p.two(p.month + 1)}-${p.two(p.day)} ${p.hms}`
}

/** `2025-11-24`, the office's day */
export function formatIsoDay(when: When): string {
  return formatStamp(when).slice(0, 10)
}

/** `14:07:31` */
export function formatClock(when: When): string {
  return parts(when).hms
}

/** `14:30` */
export function formatHourMinute(when: When): string {
  return parts(when).hm
}

/** `12分34秒` / `12 min 34 s`; hours above 60 minutes. */
export function formatLength(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const h = Math.floor(whole / 3600)
  const m = Math.floor((whole % 3600) / 60)
  const s = whole % 60
  if (lang.value === 'zh') return `${h ? `${h}小时` : ''}${h || m ? `${m}分` : ''}${s}秒`
  return `${h ? `${h} h ` : ''}${h || m ? `${m} min ` : ''}${s} s`
}

/** `80米`, `2.3公里` / `80 m`, `2.3 km` */
export function formatDistance(metres: number): string {
  const zh = lang.value === 'zh'
  if (metres < 1000) return zh ? `${Math.round(metres)}米` : `${Math.round(metres)} m`
  const km = (metres / 1000).toFixed(1)
  return zh ? `${km}公里` : `${km} km`
}

/** `98.6%` / `98.6 %`. Rounded down: 100 means all. */
export function formatPercent(percent: number, digits = 1): string {
  const scale = 10 ** digits
  const text = (Math.floor(percent * scale + 1e-9) / scale).toFixed(digits)
  const short = digits > 0 && text.endsWith(`.${'0'.repeat(digits)}`) ? text.slice(0, -digits - 1) : text
  return lang.value === 'zh' ? `${short}%` : `${short} %`
}

/** `5～10分钟`, `不到5分钟` / `5 to 10 minutes`, `under 5 minutes`; from two hours on in hours, the range no narrower. */
export function formatMinutesRange(low: number, high: number): string {
  if (low >= 120) {
    const [from, to] = [Math.floor(low / 60), Math.ceil(high / 60)]
    if (lang.value === 'zh') return from === to ? `${from}小时` : `${from}～${to}小时`
    return from === to ? `${from} hours` : `${from} to ${to} hours`
  }
  if (low === 0) return lang.value === 'zh' ? `不到${high}分钟` : `under ${high} minutes`
  if (lang.value === 'zh') return low === high ? `${low}分钟` : `${low}～${high}分钟`
  return low === high ? `${low} minutes` : `${low} to ${high} minutes`
}

/** A range as an estimate: `约5～10分钟` / `about 5 to 10 minutes`; what is under something is no closer for being about. */
export function formatAbout(low: number, high: number): string {
  const range = formatMinutesRange(low, high)
  return low === 0 ? range : lang.value === 'zh' ? `约${range}` : `about ${range}`
}

/** `12℃`; a blank before letters in English units. */
export function formatMeasure(value: number | string, unit: string | null | undefined): string {
  if (!unit) return String(value)
  return /^[℃%°]/.test(unit) || lang.value === 'zh' ? `${value}${unit}` : `${value} ${unit}`
}

/** `138****5678` */
export function maskPhone(number: string): string {
  return number.includes('*') || number.length < 8 ? number : `${number.slice(0, 3)}****${number.slice(-4)}`
}

/** `张*`; family names of two characters (欧阳) are not guessed. */
export function maskName(name: string): string {
  return name.includes('*') || !name ? name : `${Array.from(name)[0]}*`
}
