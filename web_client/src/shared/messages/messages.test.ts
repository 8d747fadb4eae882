import { expect, test } from 'vitest'

type Messages = Record<string, { default: Record<string, string> }>
const zh = import.meta.glob('./zh/*.ts', { eager: true }) as Messages
const en = import.meta.glob('./en/*.ts', { eager: true }) as Messages
const values = (sentence: string): string[] => [...new Set(sentence.match(/\{\w+\}/g) ?? [])].sort()

test('both languages have the same sentences with the same values in them', () => {
  expect(Object.keys(zh).length).toBeGreaterThan(3)
  for (const [file, { default: sentences }] of Object.entries(zh)) {
    const other = en[file.replace('/zh/', '/en/')]!.default
    expect(Object.keys(other).sort(), file).toEqual(Object.keys(sentences).sort())
    for (const [key, sentence] of Object.entries(sentences)) expect(values(other[key]!), `${file} ${key}`).toEqual(values(sentence))
  }
})
