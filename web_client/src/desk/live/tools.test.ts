import { expect, test } from 'vitest'

import type { EitherView } from '../../shared/protocol'
import { atComputer, torchUnable } from './tools'

const PHONE = 'Mozilla/5.0 (Linux; Android 14; PGT-AN00) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36'
const COMPUTER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36'
const view = (kind: string, browser: string, more: Partial<EitherView> = {}): EitherView =>
  ({ kind, requests: [], device: { browser }, ...more }) as unknown as EitherView

test('a light is offered to phones only, and not while a screen is shared', () => {
  expect([PHONE, COMPUTER, ''].map(atComputer)).toEqual([false, true, false])
  expect(torchUnable(view('help', COMPUTER))).toBe(true)
  expect(torchUnable(view('help', PHONE))).toBe(false)
  expect(torchUnable(view('help', PHONE, { screen: true }))).toBe(true)
})
