/** Reading of the checklist for the desk: filters, the next open item, what a measured value says. Pure. */
import { formatMeasure } from '../../shared/format'
import { named } from '../../shared/i18n'
import type { ItemView } from '../../shared/protocol'

export type Filter = 'all' | 'open' | 'fails' | 'required'
export const FILTERS: readonly Filter[] = ['all', 'open', 'fails', 'required']

export function isOpen(item: ItemView): boolean {
  return item.applies && item.verdict === null
}

export function passes(item: ItemView, filter: Filter): boolean {
  if (filter === 'all') return true
  if (filter === 'open') return isOpen(item)
  if (filter === 'fails') return item.applies && item.verdict === 'fails'
  return item.applies && item.required && item.verdict === null
}

export function counts(items: readonly ItemView[]): Record<Filter, number> {
  const count = (filter: Filter): number => items.filter((item) => passes(item, filter)).length
  return { all: items.length, open: count('open'), fails: count('fails'), required: count('required') }
}

/** The next item without an answer after `from`, starting again from the top; null when all are answered. */
export function nextOpen(items: readonly ItemView[], from: string | null): string | null {
  const at = items.findIndex((item) => item.id === from)
  const order = [...items.slice(at + 1), ...items.slice(0, at + 1)]
  return order.find(isOpen)?.id ?? null
}

export function neighbourOf(items: readonly ItemView[], from: string | null, direction: 1 | -1): string | null {
  const at = items.findIndex((item) => item.id === from)
  if (at === -1) return items[0]?.id ?? null
  return items[Math.max(0, Math.min(items.length - 1, at + direction))]?.id ?? null
}

/** Outside the limits of a number item; null when nothing is measured or nothing is demanded. */
export function outside(item: Pick<ItemView, 'answer'>, measured: number | null): boolean | null {
  const { min, max, record_only } = item.answer
  if (measured === null || Number.isNaN(measured) || record_only || (min == null && max == null)) return null
  return (min != null && measured < min) || (max != null && measured > max)
}

/** What was chosen, measured or written, in the reader's words; empty where an answer has no more than its verdict. */
export function givenText(item: ItemView): string {
  const chosen = item.answer.options.find((option) => option.value === item.choice)
  if (item.choice !== null) return chosen ? named(chosen) : item.choice
  return item.measured !== null ? formatMeasure(item.measured, item.answer.unit) : (item.text_answer ?? '')
}

/** A photo is asked for and not yet there. */
export function photoMissing(item: ItemView): boolean {
  return item.applies && item.photos.length < item.photos_required && item.verdict !== 'na'
}
