/** Which page of the hall is open: the path is the state, so back works and a link leads to the same place. */
import { computed, ref } from 'vue'

import { parse } from './paths'

const here = (): string => location.pathname + location.search
const address = ref(here())
window.addEventListener('popstate', () => (address.value = here()))

export const route = computed(() => parse(address.value))

export function go(to: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'replace') history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  address.value = here()
}
