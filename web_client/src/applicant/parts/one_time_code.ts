/** A one-time code as people type it: six digits, with blanks or without. */
const LENGTH = 6

/** Seconds until a code may be asked for again: a text message takes as long. */
export const AGAIN_AFTER_S = 60

export const digitsOf = (typed: string): string => typed.replace(/\D/g, '')
export const isWhole = (typed: string): boolean => digitsOf(typed).length >= LENGTH
