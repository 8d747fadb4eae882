import { ref } from 'vue'

import { defineText, type Translate } from '../shared/i18n'
import enDesk from '../shared/messages/en/desk'
import enHelp from '../shared/messages/en/help_desk'
import enLive from '../shared/messages/en/live'
import zhDesk from '../shared/messages/zh/desk'
import zhHelp from '../shared/messages/zh/help_desk'
import zhLive from '../shared/messages/zh/live'

// Before and after the call, and in it.
const zh = { ...zhDesk, ...zhLive }
const en = { ...enDesk, ...enLive }

export type DeskKey = keyof typeof zh

/** The kind of session that is on the page now: the same parts say some things in other words. */
export const service = ref<string>('inspection')

const ofInspection: Translate<DeskKey> = defineText(zh, en)
const ofHelp: Translate<DeskKey> = defineText({ ...zh, ...zhHelp }, { ...en, ...enHelp })

export const t: Translate<DeskKey> = (key, params) => (service.value === 'help' ? ofHelp : ofInspection)(key, params)

/** A key put together from data (`phase.` + phase): the sentence, or the raw value when the server knows a word we do not. */
export function tOf(prefix: string, value: string | null | undefined, otherwise = ''): string {
  if (value === null || value === undefined || value === '') return otherwise
  const key = `${prefix}${value}`
  return key in zh ? t(key as DeskKey) : value
}
