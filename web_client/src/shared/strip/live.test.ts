import { expect, test } from 'vitest'

import type { View } from '../protocol'

import { classOf, gapsOf, told, type Seen } from './live'

const START = Date.parse('2026-11-22T01:00:00Z')
const at = (second: number): string => new Date(START + second * 1000).toISOString()
const view = (interruptions: object[]): View => ({ interruptions }) as unknown as View
const gap = (from: number, to: number | null, leg = 'leg_a', cause = 'network') => ({ from: at(from), to: to === null ? null : at(to), cause, leg })
const live = [{ from_ms: 0, to_ms: 60_000, class: 'live' as const, cause: null }]
const short = (strip: ReturnType<typeof told>) => strip.map((part) => [part.from_ms / 1000, part.to_ms / 1000, part.class, part.cause])

test('the classes stand in the order of the recording', () => {
  const all: Seen = { connected: true, picture: true, sound: true, masked: false, mutedAudio: false, mutedVideo: false }
  expect(classOf(all)).toBe('live')
  expect(classOf({ ...all, picture: false })).toBe('frozen')
  expect(classOf({ ...all, picture: false, sound: false })).toBe('no_signal')
  expect(classOf({ ...all, picture: false, sound: false, mutedAudio: true, mutedVideo: true })).toBe('muted')
  expect(classOf({ ...all, picture: false, masked: true })).toBe('masked')
  expect(classOf({ ...all, sound: false })).toBe('muted')
  expect(classOf({ ...all, connected: false, masked: true })).toBe('interrupted')
})

test('a page opened in the middle shows the gaps that the record knows of, those of others left out', () => {
  const gaps = gapsOf(view([gap(10, 20, 'leg_a', 'phone_call'), gap(12, 14, 'leg_b'), gap(50, null, '')]), 'leg_a', START, 60_000)
  expect(short(told(live, gaps))).toEqual([
    [0, 10, 'live', null], [10, 20, 'interrupted', 'phone_call'], [20, 50, 'live', null], [50, 60, 'interrupted', 'network'],
  ])
})

test('every second is in one class, overlapping gaps count once', () => {
  const strip = told(live, gapsOf(view([gap(10, 20), gap(15, 25), gap(50, null)]), 'leg_a', START, 60_000))
  expect(short(strip)).toEqual([[0, 10, 'live', null], [10, 25, 'interrupted', 'network'], [25, 50, 'live', null], [50, 60, 'interrupted', 'network']])
})

test('frozen seconds stay frozen, and have the cause that the record knows', () => {
  const grown = [...live.map((one) => ({ ...one, to_ms: 30_000 })), { from_ms: 30_000, to_ms: 60_000, class: 'frozen' as const, cause: null }]
  expect(short(told(grown, gapsOf(view([gap(30, 40, 'leg_a', 'camera_lost')]), 'leg_a', START, 60_000)))).toEqual([
    [0, 30, 'live', null], [30, 40, 'frozen', 'camera_lost'], [40, 60, 'frozen', null],
  ])
})
