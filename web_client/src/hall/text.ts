import { defineText } from '../shared/i18n'
import en from '../shared/messages/en/hall'
import zh from '../shared/messages/zh/hall'

export const t = defineText(zh, en)
export type HallKey = keyof typeof zh
