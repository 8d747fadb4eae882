import { defineText } from '../i18n'
import enProblems from '../messages/en/problems'
import en from '../messages/en/states'
import zhProblems from '../messages/zh/problems'
import zh from '../messages/zh/states'

export const stateText = defineText(zh, en)
/** Sentences by code, for faults that the browser finds itself. */
export const problemText = defineText(zhProblems, enProblems)
export type ProblemCode = keyof typeof zhProblems
