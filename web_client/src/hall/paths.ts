/** The addresses of the hall, and what each of them shows. Pure. */
export type Route =
  | { page: 'find'; words: string }
  | { page: 'guide'; guide: string }
  | { page: 'take'; guide: string; office: string; video: boolean }
  | { page: 'number'; token: string }

export function parse(to: string): Route {
  const [path = '', query = ''] = to.split('?')
  const [first, second, guide, third] = path.split('/').filter(Boolean).map(decodeURIComponent)
  const asked = new URLSearchParams(query)
  if (first === 'n' && second) return { page: 'number', token: second }
  if (second !== 'guides' || !guide) return { page: 'find', words: asked.get('q') ?? '' }
  const office = asked.get('office')
  return third === 'take' && office ? { page: 'take', guide, office, video: asked.has('video') } : { page: 'guide', guide }
}

const part = encodeURIComponent
export const paths = {
  find: (words = '') => (words ? `/hall?q=${part(words)}` : '/hall'),
  guide: (guide: string) => `/hall/guides/${part(guide)}`,
  take: (guide: string, office: string, video = false) => `/hall/guides/${part(guide)}/take?office=${part(office)}${video ? '&video' : ''}`,
  number: (token: string) => `/n/${part(token)}`,
}
