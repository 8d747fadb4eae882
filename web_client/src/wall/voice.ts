/**
 * Chime and voice of the wall, one call after another. The browser speaks where it has a voice of the language; the chime is made here.
 * A browser lets a page sound only after somebody touched it, or where it was started for that (docs/operations.md).
 */
import { ref } from 'vue'

import { lang } from '../shared/i18n'

const TIMES = 2
const RATE = 0.9 // a hall echoes
/** A voice that never says that it has ended (some do) does not silence those after it. */
const LONGEST_MS = 12_000
const CHIME = [659, 523] as const // down a third, as in stations
const TONE_S = 0.55

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

export function useVoice() {
  const context = window.AudioContext ? new AudioContext() : null
  const silent = ref(context !== null && context.state !== 'running')
  const hasVoice = ref(true)
  const queue: string[] = []
  let busy = false

  const voices = (): SpeechSynthesisVoice[] =>
    (window.speechSynthesis?.getVoices() ?? []).filter((voice) => voice.lang.toLowerCase().startsWith(lang.value))
  const look = (): void => void (hasVoice.value = voices().length > 0)
  look()
  window.speechSynthesis?.addEventListener?.('voiceschanged', look)

  if (context) context.onstatechange = () => (silent.value = context.state !== 'running')
  const allow = (): void => void context?.resume()
  window.addEventListener('pointerdown', allow)
  window.addEventListener('keydown', allow)

  async function chime(): Promise<void> {
    if (!context || context.state !== 'running') return
    CHIME.forEach((hertz, place) => {
      const at = context.currentTime + place * TONE_S
      const tone = context.createOscillator()
      const loudness = context.createGain()
      tone.frequency.value = hertz
      loudness.gain.setValueAtTime(0.5, at)
      loudness.gain.exponentialRampToValueAtTime(0.0001, at + TONE_S)
      tone.connect(loudness)
      loudness.connect(context.destination)
      tone.start(at)
      tone.stop(at + TONE_S)
    })
    await wait(CHIME.length * TONE_S * 1000)
  }

  async function say(text: string): Promise<void> {
    const voice = voices()[0]
    if (!voice) return
    const words = new SpeechSynthesisUtterance(text)
    words.voice = voice
    words.lang = voice.lang
    words.rate = RATE
    const ended = new Promise<void>((done) => {
      words.onend = () => done()
      words.onerror = () => done()
    })
    window.speechSynthesis.speak(words)
    await Promise.race([ended, wait(LONGEST_MS)])
  }

  async function work(): Promise<void> {
    busy = true
    for (let text = queue.shift(); text !== undefined; text = queue.shift()) {
      await chime()
      for (let time = 0; time < TIMES; time += 1) await say(text)
    }
    busy = false
  }

  function announce(texts: readonly string[]): void {
    queue.push(...texts)
    if (!busy) void work()
  }

  return { announce, allow, silent, hasVoice }
}
