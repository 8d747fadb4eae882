import { defineText } from '../shared/i18n'
import en from '../shared/messages/en/audit'
import zh from '../shared/messages/zh/audit'

export type AuditKey = keyof typeof zh
export const t = defineText(zh, en)

/** The sentence of `prefix + value`, or `otherwise` when there is none. */
export function tOf(prefix: string, value: string | null | undefined, otherwise = ''): string {
  const key = `${prefix}${value ?? ''}`
  return key in zh ? t(key as AuditKey) : otherwise || (value ?? '')
}
