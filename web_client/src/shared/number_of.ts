/** Which number a help call belongs to, as far as this device knows: its page leads on to the rating when the call is over. */
import { memory } from './device'

const key = (record: string): string => `yk.number.${record}`

export const numberOf = {
  keep: (record: string, token: string): void => memory.write(key(record), token),
  /** The number's page; null where the call was not opened from it here. */
  page(record: string): string | null {
    const token = memory.read(key(record))
    return token === null ? null : `/n/${encodeURIComponent(token)}`
  },
}
