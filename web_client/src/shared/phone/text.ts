import { defineText } from '../i18n'
import en from '../messages/en/phone'
import zh from '../messages/zh/phone'

export const phoneText = defineText(zh, en)
export type PhoneKey = keyof typeof zh
