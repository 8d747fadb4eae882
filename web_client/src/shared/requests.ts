/** What a request of the officers says, on the desk and on the phone alike. */
import { named } from './i18n'
import type { ItemView, RequestView } from './protocol'

/** Its own words, else the name of the item that a photograph is asked for in the reader's language; empty where it has neither. */
export function requestWords(items: readonly ItemView[], request: RequestView): string {
  const item = items.find((each) => each.id === request.item)
  return request.text || (item ? named(item) : '')
}
