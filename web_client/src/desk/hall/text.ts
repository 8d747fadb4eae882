/** The words of a supervisor's page. */
import { defineText } from '../../shared/i18n'
import en from '../../shared/messages/en/lines'
import zh from '../../shared/messages/zh/lines'

export const t = defineText(zh, en)
