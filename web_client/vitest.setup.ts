/** What pure modules touch when they are loaded: the language cookie and the remembered keys. Chinese unless a test says otherwise. */
import 'vue' // looks for a document when it is loaded, so it comes before the little one below

const remembered = new Map<string, string>()
Object.assign(globalThis, {
  document: { cookie: 'yk_lang=zh', documentElement: { lang: '' } },
  localStorage: {
    getItem: (key: string): string | null => remembered.get(key) ?? null,
    setItem: (key: string, value: string): void => void remembered.set(key, value),
  },
})
