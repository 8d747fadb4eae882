import { defineText } from '../i18n'
import en from '../messages/en/chat'
import zh from '../messages/zh/chat'

export const t = defineText(zh, en)
