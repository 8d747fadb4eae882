/** What this device remembers, and the name by which a link knows it again. */
export const memory = {
  read(key: string): string | null {
    try {
      return localStorage.getItem(key)
    } catch {
      return null // private mode: nothing is remembered, everything still works
    }
  },
  write(key: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(key)
      else localStorage.setItem(key, value)
    } catch {
      // as above
    }
  },
}

export function deviceId(): string {
  const known = memory.read('yk.device')
  if (known) return known
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const made = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
  memory.write('yk.device', made)
  return made
}
