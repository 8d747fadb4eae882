import { afterEach, expect, test } from 'vitest'

import { causeWords } from './causes'
import { lang } from './i18n'

afterEach(() => {
  lang.value = 'zh'
})

test('a known cause is said in the language of the reader', () => {
  lang.value = 'zh'
  expect(causeWords('phone_call')).toBe('接听来电')
  lang.value = 'en'
  expect(causeWords('phone_call')).toBe('took a phone call')
})

test('an unknown word of the protocol says nothing, a sentence is passed on', () => {
  expect(causeWords('some_new.word')).toBe('')
  expect(causeWords('停电')).toBe('停电')
  expect(causeWords(null)).toBe('')
})
