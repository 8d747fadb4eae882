import { expect, test } from 'vitest'

import { atEnd, faster, grow, hold, pause, play, position, seek, setLoop, setSpeed, shuttle, slave, slower, stopped } from './clock'

test('a second of the record takes a second, times the speed', () => {
  const clock = play(stopped(60_000), 1000)
  expect(position(clock, 3500)).toBe(2500)
  expect(position(setSpeed(clock, 3500, 4), 4500)).toBe(6500)
})

test('it stands while data is missing and goes on from there', () => {
  const held = hold(play(stopped(60_000), 0), 2000, true)
  expect(position(held, 9000)).toBe(2000)
  expect(position(hold(held, 9000, false), 9500)).toBe(2500)
})

test('it never leaves the record, and playing at the end starts again', () => {
  const clock = seek(play(stopped(10_000), 0), 0, 99_000)
  expect(position(clock, 0)).toBe(10_000)
  expect(atEnd(clock, 0)).toBe(true)
  expect(position(play(pause(clock, 0), 0), 100)).toBe(100)
})

test('a loop comes back to its start; a growing record only grows', () => {
  const clock = setLoop(seek(play(stopped(60_000), 0), 0, 5000), 0, [5000, 7000])
  expect(position(clock, 2500)).toBe(5500)
  expect(grow(clock, 30_000).length).toBe(60_000)
  expect(grow(clock, 90_000).length).toBe(90_000)
})

test('J and L turn round at normal speed and then go faster', () => {
  const once = shuttle(stopped(60_000, 30_000), 0, -1)
  expect([once.direction, once.speed]).toEqual([-1, 1])
  expect(position(once, 1000)).toBe(29_000)
  expect(shuttle(once, 1000, -1).speed).toBe(1.5)
  expect([shuttle(once, 1000, 1).direction, shuttle(once, 1000, 1).speed]).toEqual([1, 1])
  expect([faster(16), slower(0.25)]).toEqual([16, 0.25])
})

test('a player is left alone, bent or moved, by how far it is out of step', () => {
  expect(slave(1000, 980, 1, 1)).toEqual({ rate: 1, seekTo: null })
  const bent = slave(1000, 800, 1, 1)
  expect(bent.seekTo).toBeNull()
  expect(bent.rate).toBeCloseTo(1.08)
  expect(slave(5000, 1000, 1, 1).seekTo).toBe(5000)
  expect(slave(1000, 1600, 1, -1)).toEqual({ rate: 0, seekTo: 1000 })
})
