import { defineText } from '../shared/i18n'
import en from '../shared/messages/en/audit'
import zh from '../shared/messages/zh/audit'

export type AuditKey = keyof typeof zh
export const t = defineText(zh, en)

/** What a part of the verdict is called for this kind of record. */
export const partName = (kind: string, part: string): string => tOf('verify.part.', `${part}.${kind}`, tOf('verify.part.', part, part))

/** What this kind of record's paper is called, for the sentences that name it. */
export const sheetOf = (kind: string): { sheet: string } => ({ sheet: tOf('sheet.', kind, t('sheet.inspection')) })

/** The sentence of `prefix + value`, or `otherwise` when there is none. */
export function tOf(prefix: string, value: string | null | undefined, otherwise = ''): string {
  const key = `${prefix}${value ?? ''}`
  return key in zh ? t(key as AuditKey) : otherwise || (value ?? '')
}
