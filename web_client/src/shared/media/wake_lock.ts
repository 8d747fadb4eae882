/** Keeps the phone's screen on during waiting and the call; browsers drop the lock when the page is hidden, so it is taken again. */

interface Sentinel {
  release(): Promise<void>
}

export function keepAwake(): () => void {
  const screen = (navigator as { wakeLock?: { request(type: 'screen'): Promise<Sentinel> } }).wakeLock
  let sentinel: Sentinel | null = null
  let over = false
  const take = (): void => {
    if (over || !screen || document.visibilityState !== 'visible') return
    screen.request('screen').then(
      (taken) => {
        if (over) void taken.release()
        else sentinel = taken
      },
      () => undefined, // a low battery refuses; the page says to keep the screen on anyway
    )
  }
  document.addEventListener('visibilitychange', take)
  take()
  return () => {
    over = true
    document.removeEventListener('visibilitychange', take)
    void sentinel?.release()
  }
}
