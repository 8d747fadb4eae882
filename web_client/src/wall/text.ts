import { defineText } from '../shared/i18n'
import en from '../shared/messages/en/wall'
import zh from '../shared/messages/zh/wall'

export const t = defineText(zh, en)
