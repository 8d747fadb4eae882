import { defineText } from '../shared/i18n'
import en from '../shared/messages/en/desk'
import zh from '../shared/messages/zh/desk'

export type DeskKey = keyof typeof zh
export const t = defineText(zh, en)

/** A key put together from data (`phase.` + phase): the sentence, or the raw value when the server knows a word we do not. */
export function tOf(prefix: string, value: string | null | undefined, otherwise = ''): string {
  if (value === null || value === undefined || value === '') return otherwise
  const key = `${prefix}${value}`
  return key in zh ? t(key as DeskKey) : value
}
