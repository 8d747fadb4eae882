import { ref } from 'vue'

import { defineText, type Translate } from '../shared/i18n'
import en from '../shared/messages/en/applicant'
import enHelp from '../shared/messages/en/help_call'
import zh from '../shared/messages/zh/applicant'
import zhHelp from '../shared/messages/zh/help_call'

export type TextKey = keyof typeof zh

/** The kind of session that this page belongs to: the same pages say some things in other words. */
export const service = ref<'inspection' | 'help'>('inspection')

const ofInspection: Translate<TextKey> = defineText(zh, en)
const ofHelp: Translate<TextKey> = defineText({ ...zh, ...zhHelp }, { ...en, ...enHelp })

export const t: Translate<TextKey> = (key, params) => (service.value === 'help' ? ofHelp : ofInspection)(key, params)
