import { expect, test } from 'vitest'

import type { Landing } from '../shared/api'
import type { Phase, View } from '../shared/protocol'
import { pageOf, reduce, START, type Action, type Flow } from './flow'

const landing = { record: 'rec_1' } as Landing
const view = (phase: Phase, more: Partial<View> = {}): View => ({ phase, consent: null, signers: [], ...more }) as unknown as View
const after = (...actions: Action[]): Flow => actions.reduce(reduce, START)
const joined: Action[] = [{ type: 'landed', landing }, { type: 'go', to: 'code' }, { type: 'joined' }]

test('a link leads to the landing page, the code, and what will happen', () => {
  expect(pageOf(START)).toBe('loading')
  expect(pageOf(after(joined[0]!))).toBe('landing')
  expect(pageOf(after(joined[0]!, joined[1]!))).toBe('code')
  expect(pageOf(after(...joined, { type: 'view', view: view('invited') }))).toBe('steps')
})

test('who has agreed before goes on with the phone check', () => {
  const consent = { version: '1', at: '' }
  expect(pageOf(after(...joined, { type: 'view', view: view('invited', { consent }) }))).toBe('check')
})

test('the call opens only after a tap, and leaving keeps the way back', () => {
  const live: Action[] = [...joined, { type: 'view', view: view('live') }]
  expect(pageOf(after(...live))).toBe('wait')
  expect(pageOf(after(...live, { type: 'enter' }))).toBe('call')
  expect(pageOf(after(...live, { type: 'enter' }, { type: 'leave' }))).toBe('left')
  expect(pageOf(after(...live, { type: 'enter' }, { type: 'leave' }, { type: 'return' }))).toBe('call')
})

test('after the result: the sheet, the signature, done', () => {
  const closing: Action[] = [...joined, { type: 'view', view: view('closing') }]
  expect(pageOf(after(...closing))).toBe('sheet')
  expect(pageOf(after(...closing, { type: 'toSign' }))).toBe('sign')
  expect(pageOf(after(...closing, { type: 'toSign' }, { type: 'signed', how: 'signed' }))).toBe('done')
  const refused = view('closing', { signers: [{ role: 'applicant', name: '', state: 'refused', at: null }] })
  expect(pageOf(after(...joined, { type: 'view', view: refused }))).toBe('done')
})

test('another phone takes over, a refusal and a wrong link end the way', () => {
  expect(pageOf(after(...joined, { type: 'view', view: view('live') }, { type: 'socket', state: 'replaced' }))).toBe('replaced')
  expect(pageOf(after(...joined, { type: 'view', view: view('declined') }))).toBe('declined')
  expect(pageOf(after({ type: 'failed', problem: { code: 'L02', text: '', phone: '' } }))).toBe('problem')
})
