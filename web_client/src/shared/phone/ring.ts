/** Rings and shakes for a minute at most, in pairs of tones a hard hearing ear can tell (about 1 kHz). Returns how to stop it. */

const RING_MS = 60_000
const EVERY_MS = 2000

/** Whether anybody has touched the page since it was opened: before that it may neither sound nor shake. Older browsers do not tell. */
const touched = (): boolean | undefined => (navigator as { userActivation?: { hasBeenActive: boolean } }).userActivation?.hasBeenActive

export function mayRing(): boolean {
  return touched() ?? false
}

export function ring(): () => void {
  const Context = window.AudioContext ?? (window as { webkitAudioContext?: typeof AudioContext }).webkitAudioContext
  const context = Context ? new Context() : null
  const tone = (at: number, hertz: number): void => {
    if (!context) return
    const oscillator = context.createOscillator()
    const gain = context.createGain()
    oscillator.frequency.value = hertz
    gain.gain.setValueAtTime(0.0001, at)
    gain.gain.exponentialRampToValueAtTime(0.4, at + 0.03)
    gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.4)
    oscillator.connect(gain)
    gain.connect(context.destination)
    oscillator.start(at)
    oscillator.stop(at + 0.45)
  }
  const once = (): void => {
    if (context?.state === 'suspended') void context.resume()
    if (context) {
      tone(context.currentTime, 880)
      tone(context.currentTime + 0.45, 1108)
    }
    if (touched() !== false) navigator.vibrate?.([400, 150, 400])
  }
  once()
  const timer = setInterval(once, EVERY_MS)
  const end = setTimeout(stop, RING_MS)
  function stop(): void {
    clearInterval(timer)
    clearTimeout(end)
    if (touched() !== false) navigator.vibrate?.(0)
    void context?.close().catch(() => undefined)
  }
  return stop
}
