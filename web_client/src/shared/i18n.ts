/**
 * Two languages, chosen once per browser. A feature keeps its sentences in `messages/zh/<feature>.ts` and `messages/en/<feature>.ts`
 * and joins them with `defineText(zh, en)`; the compiler refuses a key that one of them lacks.
 */
import { ref, type Ref } from 'vue'

export type Lang = 'zh' | 'en'
export type Params = Readonly<Record<string, string | number>>
export type Translate<K extends string> = (key: K, params?: Params) => string

// The server reads the same cookie for its own sentences (problem+json, refusals on the WebSocket).
const COOKIE = 'yk_lang'

function remembered(): Lang {
  const match = /(?:^|;\s*)yk_lang=(zh|en)/.exec(document.cookie)
  if (match) return match[1] as Lang
  return /^zh\b/i.test(navigator.language || 'zh') ? 'zh' : 'en'
}

export const lang: Ref<Lang> = ref(remembered())

function mark(): void {
  document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en'
}
mark()

export function setLang(next: Lang): void {
  lang.value = next
  document.cookie = `${COOKIE}=${next}; path=/; max-age=31536000; samesite=lax`
  mark()
}

/** Puts `{name}` values into a sentence; an unknown name stays visible, so that a test finds it. */
export function fill(sentence: string, params?: Params): string {
  if (!params) return sentence
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

/** Reading it inside a template or computed follows the language. */
export function defineText<T extends Record<string, string>>(
  zh: T,
  en: Record<keyof T, string>,
): Translate<keyof T & string> {
  return (key, params) => fill(lang.value === 'zh' ? zh[key]! : en[key], params)
}

/** Of two sentences that came with the data, the reader's; the Chinese one where there is no other. */
export function ofTwo(zhText: string, enText: string | null | undefined): string {
  return lang.value === 'en' && enText ? enText : zhText
}

type Glossed = { gloss?: string | null | undefined } & ({ name: string } | { text: string } | { title: string } | { label: string })

/** What a thing is called in the reader's language where data carry both: its own word and an English `gloss`. */
export function named(of: Glossed): string {
  return ofTwo('name' in of ? of.name : 'text' in of ? of.text : 'title' in of ? of.title : of.label, of.gloss)
}

/** For `lang` on words that came with the data: what is Chinese is read out and set as Chinese on an English page too. */
export function langOf(text: string): 'zh-CN' | 'en' {
  return /[\u3400-\u9fff]/.test(text) ? 'zh-CN' : 'en'
}
