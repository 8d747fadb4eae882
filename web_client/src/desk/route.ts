/** Which page of the desk is open: the path is the state, so a reload or a copied address leads to the same place. */
import { computed, ref } from 'vue'

export type Route =
  | { page: 'day' }
  | { page: 'case'; id: string }
  | { page: 'live'; id: string }
  | { page: 'window' }
  | { page: 'lines' }
  | { page: 'missing' }

const path = ref(location.pathname)

window.addEventListener('popstate', () => {
  path.value = location.pathname
})

export function parse(pathname: string): Route {
  const parts = pathname.split('/').filter(Boolean)
  if (parts.length === 0 || (parts.length === 1 && parts[0] === 'desk')) return { page: 'day' }
  if (parts[0] === 'desk' && parts[1] === 'lines' && parts.length === 2) return { page: 'lines' }
  if (parts[0] === 'desk' && parts[1] === 'cases' && parts[2] && parts.length === 3) return { page: 'case', id: parts[2] }
  if (parts[0] === 'desk' && parts[1] === 'records' && parts[2] && parts.length === 3) return { page: 'live', id: parts[2] }
  if (parts[0] === 'desk' && parts[1] === 'window' && parts.length === 2) return { page: 'window' }
  return { page: 'missing' }
}

export const route = computed(() => parse(path.value))

export function go(to: string): void {
  if (to === location.pathname) return
  history.pushState(null, '', to)
  path.value = location.pathname
  window.scrollTo(0, 0)
}

export const paths = {
  day: '/desk',
  window: '/desk/window',
  lines: '/desk/lines',
  case: (id: string) => `/desk/cases/${id}`,
  live: (record: string) => `/desk/records/${record}`,
  replay: (record: string) => `/audit/records/${record}`,
}
