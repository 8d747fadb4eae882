/** Who is at this desk. One page, one person: logging out or an expired login brings the login page back, the path stays. */
import { ref } from 'vue'

import { ApiProblem, type Me } from '../shared/api'
import { office } from './office'

export const me = ref<Me | null>(null)
/** `unknown` until the server has answered once. */
export const standing = ref<'unknown' | 'out' | 'idle' | 'in' | 'fault'>('unknown')

export async function recognise(): Promise<void> {
  try {
    me.value = await office.me()
    standing.value = me.value.kind === 'staff' ? 'in' : 'out'
  } catch (error) {
    if (error instanceof ApiProblem && (error.status === 401 || error.status === 403)) standing.value = 'out'
    else standing.value = 'fault'
  }
}

/** Any answer that the login has ended: say so on the login page, and keep what the page behind it holds. */
export function ended(error: unknown): boolean {
  if (!(error instanceof ApiProblem) || error.status !== 401) return false
  standing.value = standing.value === 'in' ? 'idle' : 'out'
  return true
}

export async function leave(): Promise<void> {
  try {
    await office.logout()
  } finally {
    me.value = null
    standing.value = 'out'
  }
}

export function inspects(person: Me): boolean {
  return person.roles.some((role) => role === 'officer' || role === 'supervisor' || role === 'admin')
}

/** Sits at a window of the hall. */
export function serves(person: Me): boolean {
  return person.roles.includes('agent')
}

/** Sees the lines of the hall. */
export function watches(person: Me): boolean {
  return person.roles.some((role) => role === 'agent' || role === 'supervisor')
}

/** Reads what people said of a service. */
export function reads(person: Me): boolean {
  return person.roles.includes('supervisor')
}

export function audits(person: Me): boolean {
  return person.roles.some((role) => role === 'auditor' || role === 'supervisor' || role === 'admin')
}
