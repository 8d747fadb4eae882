import { defineText } from '../shared/i18n'
import en from '../shared/messages/en/applicant'
import zh from '../shared/messages/zh/applicant'

export const t = defineText(zh, en)
export type TextKey = keyof typeof zh
