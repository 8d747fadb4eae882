/** The numbers that were taken on this phone, so that who closed the page finds back. Only the phone keeps them. */
import { ref } from 'vue'

export interface Mine {
  token: string
  label: string
  day: string
}

const KEY = 'yk.numbers'

/** Those that may still be of use on `today` (2025-11-24): of that day, of a day to come, and of yesterday, which midnight carries over. */
export function current(all: readonly Mine[], today: string): Mine[] {
  const yesterday = new Date(Date.parse(`${today}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10)
  return all.filter((each) => each.day >= yesterday)
}

function read(): Mine[] {
  try {
    const held: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(held) ? (held as Mine[]) : []
  } catch {
    return [] // private mode, or somebody else's words
  }
}

export const mine = ref<Mine[]>(read())

function write(next: Mine[]): void {
  mine.value = next
  try {
    localStorage.setItem(KEY, JSON.stringify(next))
  } catch {
    // not remembered then; the link still works
  }
}

export function remember(one: Mine): void {
  write([one, ...mine.value.filter((each) => each.token !== one.token)].slice(0, 4))
}

export function forget(token: string): void {
  if (mine.value.some((each) => each.token === token)) write(mine.value.filter((each) => each.token !== token))
}
