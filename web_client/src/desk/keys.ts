/**
 * The keyboard of desk and replay: one catalogue feeds the keys, the hints on the buttons and the `?` list.
 *
 * Single keys act only with focus outside a text field and outside Chinese input (WCAG 2.1.4), and can be
 * turned off. No key ends, publishes or destroys.
 */
import { onBeforeUnmount, onMounted, ref } from 'vue'

export interface Key<Name extends string> {
  readonly name: Name
  /** As `KeyboardEvent.key`, lower case, with `ctrl+` and `shift+` in front. */
  readonly keys: readonly string[]
  /** As shown to people. */
  readonly shown: string
}

export const DESK_KEYS = [
  { name: 'picture', keys: ['f2'], shown: 'F2' },
  { name: 'checklist', keys: ['f4'], shown: 'F4' },
  { name: 'photos', keys: ['f8'], shown: 'F8' },
  { name: 'strip', keys: ['f9'], shown: 'F9' },
  { name: 'previous', keys: ['arrowup'], shown: '↑' },
  { name: 'next', keys: ['arrowdown'], shown: '↓' },
  { name: 'unanswered', keys: ['u'], shown: 'U' },
  { name: 'conforms', keys: ['1'], shown: '1' },
  { name: 'fails', keys: ['2'], shown: '2' },
  { name: 'na', keys: ['3'], shown: '3' },
  { name: 'notseen', keys: ['4'], shown: '4' },
  { name: 'note', keys: ['n'], shown: 'N' },
  { name: 'save', keys: ['ctrl+enter', 'meta+enter'], shown: 'Ctrl+Enter' },
  { name: 'photo', keys: ['p'], shown: 'P' },
  { name: 'pointer', keys: ['g'], shown: 'G' },
  { name: 'torch', keys: ['t'], shown: 'T' },
  { name: 'lens', keys: ['c'], shown: 'C' },
  { name: 'zoomin', keys: ['+', '=', 'shift++'], shown: '+' },
  { name: 'zoomout', keys: ['-'], shown: '-' },
  { name: 'maskpicture', keys: ['shift+h'], shown: 'Shift+H' },
  { name: 'microphone', keys: ['ctrl+d', 'meta+d'], shown: 'Ctrl+D' },
  { name: 'help', keys: ['?', 'shift+?'], shown: '?' },
] as const satisfies readonly Key<string>[]

/** Of an agent's window. */
export const WINDOW_KEYS = [{ name: 'next', keys: ['n'], shown: 'N' }] as const satisfies readonly Key<string>[]

export const REPLAY_KEYS = [
  { name: 'play', keys: [' ', 'k'], shown: 'Space K' },
  { name: 'backward', keys: ['j'], shown: 'J' },
  { name: 'forward', keys: ['l'], shown: 'L' },
  { name: 'frameback', keys: ['arrowleft'], shown: '←' },
  { name: 'frameforward', keys: ['arrowright'], shown: '→' },
  { name: 'secondback', keys: ['shift+arrowleft'], shown: 'Shift+←' },
  { name: 'secondforward', keys: ['shift+arrowright'], shown: 'Shift+→' },
  { name: 'tenback', keys: ['ctrl+arrowleft'], shown: 'Ctrl+←' },
  { name: 'tenforward', keys: ['ctrl+arrowright'], shown: 'Ctrl+→' },
  { name: 'markback', keys: ['arrowup'], shown: '↑' },
  { name: 'markforward', keys: ['arrowdown'], shown: '↓' },
  { name: 'in', keys: ['i'], shown: 'I' },
  { name: 'out', keys: ['o'], shown: 'O' },
  { name: 'loop', keys: ['\\'], shown: '\\' },
  { name: 'slower', keys: ['['], shown: '[' },
  { name: 'faster', keys: [']'], shown: ']' },
  { name: 'all', keys: ['0'], shown: '0' },
  { name: 'one', keys: ['1', '2', '3', '4'], shown: '1–4' },
  { name: 'time', keys: ['g'], shown: 'G' },
  { name: 'verify', keys: ['v'], shown: 'V' },
  { name: 'start', keys: ['home'], shown: 'Home' },
  { name: 'end', keys: ['end'], shown: 'End' },
  { name: 'help', keys: ['?', 'shift+?'], shown: '?' },
] as const satisfies readonly Key<string>[]

export type DeskKeyName = (typeof DESK_KEYS)[number]['name']
export type ReplayKeyName = (typeof REPLAY_KEYS)[number]['name']

const REMEMBERED = 'yuankan.single_keys'

/** The reader's own choice, kept on this machine. */
export const singleKeys = ref(localStorage.getItem(REMEMBERED) !== 'off')

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on
  localStorage.setItem(REMEMBERED, on ? 'on' : 'off')
}

/** `ctrl+arrowleft`, `shift+h`, `1` … as the catalogue spells them. Shift is named only where it does not already change the sign. */
export function spelled(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey'>): string {
  const key = event.key.toLowerCase()
  const named = key.length > 1 || /[a-z+?]/.test(key)
  return `${event.ctrlKey ? 'ctrl+' : ''}${event.metaKey ? 'meta+' : ''}${event.shiftKey && named ? 'shift+' : ''}${key}`
}

/** Plain keys never act on somebody who is writing, in a list that uses them itself, or behind an open dialog. */
export function taken(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target.closest('[role="dialog"], [role="listbox"]') !== null) return true
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true
  return target instanceof HTMLInputElement && !['radio', 'checkbox', 'button'].includes(target.type)
}

export function find<Name extends string>(catalogue: readonly Key<Name>[], event: KeyboardEvent): Name | null {
  const pressed = spelled(event)
  return catalogue.find((entry) => entry.keys.includes(pressed))?.name ?? null
}

/** Listens while the component is on the page. `act` returns false when the key means nothing now, and the browser keeps it. */
export function useKeys<Name extends string>(
  catalogue: readonly Key<Name>[],
  act: (name: Name, event: KeyboardEvent) => boolean | void,
): void {
  const listen = (event: KeyboardEvent): void => {
    if (event.isComposing || event.altKey) return
    const name = find(catalogue, event)
    if (name === null) return
    const plain = !event.ctrlKey && !event.metaKey && !/^f\d/.test(event.key.toLowerCase())
    if (plain && (taken(event.target) || !singleKeys.value)) return
    // Space on a button presses the button.
    if (event.key === ' ' && event.target instanceof HTMLElement && event.target.closest('button, a, [role="tab"]')) return
    if (act(name, event) !== false) event.preventDefault()
  }
  onMounted(() => window.addEventListener('keydown', listen))
  onBeforeUnmount(() => window.removeEventListener('keydown', listen))
}

export function hint<Name extends string>(catalogue: readonly Key<Name>[], name: Name): string {
  return catalogue.find((entry) => entry.name === name)?.shown ?? ''
}
