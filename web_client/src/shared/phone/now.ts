import { onBeforeUnmount, shallowRef, type ShallowRef } from 'vue'

/** This device's clock, in steps. */
export function useNow(stepMs = 1000): ShallowRef<number> {
  const now = shallowRef(Date.now())
  const timer = setInterval(() => (now.value = Date.now()), stepMs)
  onBeforeUnmount(() => clearInterval(timer))
  return now
}
