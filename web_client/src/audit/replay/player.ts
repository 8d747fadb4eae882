/**
 * One leg on one `<video>`: MediaSource fed from the cluster index, kept in step with the replay's clock.
 *
 * Theory of operation. `tick` is called ten times a second with the clock's position. It finds the epoch (a new epoch is
 * a new MediaSource: other codec parameters, its own time), lets `plan` say which clusters to fetch and to drop, and lets
 * `slave` say how to bend or seek the video. Appends and removals are one queue, because a SourceBuffer does one thing at
 * a time. In a gap the video stands and the page shows the gap's sentence; the next epoch's first clusters are fetched
 * in advance so that the gap ends on time.
 */
import type { Epoch, TimelineLeg } from '../timeline'
import { epochAfter, epochAt, evicted, plan } from './buffer'
import { slave } from './clock'

export type PlayerState = 'gap' | 'loading' | 'ready' | 'failed' | 'unsupported'

export interface Source {
  init: (epoch: string) => Promise<ArrayBuffer>
  cluster: (epoch: string, n: number) => Promise<ArrayBuffer>
}

export interface Beat {
  at: number
  speed: number
  direction: 1 | -1
  playing: boolean
}

/** A passage that cannot be fetched is tried again this often before the page says so. */
const TRIES = 3
const TRY_AGAIN_MS = 1200
/** Gap ends are prepared this long before. */
const WARM_MS = 5000
/** A stepped frame must be the right one: half a frame at 30 frames a second. */
const EXACT_MS = 16

type Work = { kind: 'append'; data: ArrayBuffer; n: number | null } | { kind: 'remove'; from: number; to: number }

interface Open {
  epoch: Epoch
  source: MediaSource
  url: string
  buffer: SourceBuffer | null
  loaded: Set<number>
  pending: Set<number>
  order: number[]
  arrived: Map<number, ArrayBuffer>
  last: number | null
  work: Work[]
  failures: number
}

export class LegPlayer {
  state: PlayerState = 'loading'

  private open: Open | null = null
  private readonly warm = new Map<string, Promise<ArrayBuffer>>()
  private closed = false

  constructor(
    private leg: TimelineLeg,
    readonly video: HTMLVideoElement,
    private readonly source: Source,
  ) {
    video.preservesPitch = true
  }

  /** A newer Timeline of the same leg: a record that is still being made grows. */
  update(leg: TimelineLeg): void {
    this.leg = leg
    if (this.open) {
      const id = this.open.epoch.epoch
      this.open.epoch = leg.epochs.find((epoch) => epoch.epoch === id) ?? this.open.epoch
    }
  }

  tick(beat: Beat): PlayerState {
    if (this.closed) return this.state
    const epoch = epochAt(this.leg, beat.at)
    this.prepareNext(beat.at)
    if (epoch === null) {
      if (!this.video.paused) this.video.pause()
      return (this.state = 'gap')
    }
    if (this.open?.epoch.epoch !== epoch.epoch) this.attach(epoch)
    const open = this.open
    if (open === null || this.state === 'unsupported') return this.state
    if (open.failures >= TRIES || this.video.error !== null) {
      if (!this.video.paused) this.video.pause()
      return (this.state = 'failed')
    }
    const head = beat.at - epoch.start_ms
    const next = plan(open.epoch.clusters, head, open.loaded, open.pending, beat.speed, open.last)
    for (const n of next.fetch) this.fetch(open, n)
    this.drop(open, next.evictBefore, next.evictAfter)
    const ready = next.ready && this.holds(head, open.epoch)
    this.follow(beat, head, ready)
    return (this.state = ready ? 'ready' : 'loading')
  }

  /** Tries a failed passage again. */
  retry(): void {
    if (this.video.error !== null) this.detach()
    else if (this.open) this.open.failures = 0
  }

  close(): void {
    this.closed = true
    this.detach()
    this.warm.clear()
  }

  // ------------------------------------------------------------------------------------------------ in step

  private holds(head: number, epoch: Epoch): boolean {
    const { buffered } = this.video
    const second = head / 1000
    for (let i = 0; i < buffered.length; i += 1) {
      // 0.12 s: our files round to milliseconds and an epoch's first picture comes a little after its first sound.
      if (buffered.start(i) - 0.12 <= second && second <= buffered.end(i)) return true
    }
    // The last frame of an epoch stands a moment past the end of its data.
    return buffered.length > 0 && head > epoch.length_ms - 300
  }

  private follow(beat: Beat, head: number, ready: boolean): void {
    const actual = this.video.currentTime * 1000
    if (!ready) {
      if (!this.video.paused) this.video.pause()
      if (Math.abs(head - actual) > 500) this.video.currentTime = head / 1000
      return
    }
    const moving = beat.playing && beat.direction === 1
    if (!moving) {
      if (!this.video.paused) this.video.pause()
      const tolerance = beat.playing ? 200 : EXACT_MS
      if (Math.abs(head - actual) > tolerance && !this.video.seeking) this.video.currentTime = head / 1000
      return
    }
    const correction = slave(head, actual, beat.speed, beat.direction)
    if (correction.seekTo !== null && !this.video.seeking) this.video.currentTime = correction.seekTo / 1000
    const rate = Math.max(0.0625, Math.min(16, correction.rate)) // what Chromium accepts
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate
    if (this.video.paused) void this.video.play().catch(() => undefined)
  }

  // ------------------------------------------------------------------------------------------------ feeding

  private attach(epoch: Epoch): void {
    this.detach()
    if (typeof MediaSource === 'undefined' || !MediaSource.isTypeSupported(epoch.mime)) {
      this.state = 'unsupported'
      return
    }
    const source = new MediaSource()
    const open: Open = {
      epoch,
      source,
      url: URL.createObjectURL(source),
      buffer: null,
      loaded: new Set(),
      pending: new Set(),
      order: [],
      arrived: new Map(),
      last: null,
      work: [],
      failures: 0,
    }
    this.open = open
    this.state = 'loading'
    source.addEventListener(
      'sourceopen',
      () => {
        if (this.open !== open || source.readyState !== 'open') return
        open.buffer = source.addSourceBuffer(epoch.mime)
        open.buffer.addEventListener('updateend', () => this.pump(open))
        source.duration = Math.max(0.1, epoch.length_ms / 1000)
        this.begin(open)
      },
      { once: true },
    )
    this.video.src = open.url
  }

  private begin(open: Open): void {
    const id = open.epoch.epoch
    this.once(`${id}/init`, () => this.source.init(id))
      .then((data) => {
        open.work.unshift({ kind: 'append', data, n: null })
        this.pump(open)
      })
      .catch(() => {
        if (this.open !== open) return
        this.failed(open)
        window.setTimeout(() => this.open === open && this.begin(open), TRY_AGAIN_MS)
      })
  }

  private detach(): void {
    const open = this.open
    this.open = null
    if (open === null) return
    this.video.removeAttribute('src')
    this.video.load()
    URL.revokeObjectURL(open.url)
  }

  private fetch(open: Open, n: number): void {
    if (open.pending.has(n)) return
    open.pending.add(n)
    open.order.push(n)
    open.last = n
    this.once(`${open.epoch.epoch}/${n}`, () => this.source.cluster(open.epoch.epoch, n))
      .then((data) => {
        if (this.open !== open) return
        open.arrived.set(n, data)
        // In the order asked for, whichever came first.
        while (open.order.length > 0 && open.arrived.has(open.order[0]!)) {
          const number = open.order.shift()!
          open.work.push({ kind: 'append', data: open.arrived.get(number)!, n: number })
          open.arrived.delete(number)
        }
        this.pump(open)
      })
      .catch(() => {
        if (this.open !== open) return
        open.order = open.order.filter((number) => number !== n)
        open.last = null
        this.failed(open)
        window.setTimeout(() => open.pending.delete(n), TRY_AGAIN_MS)
      })
  }

  private failed(open: Open): void {
    open.failures += 1
  }

  private pump(open: Open): void {
    const buffer = open.buffer
    if (this.open !== open || buffer === null || buffer.updating || open.source.readyState !== 'open') return
    // Nothing may be appended before the init segment.
    const work = open.work[0]
    if (work === undefined || (open.loaded.size === 0 && work.kind === 'append' && work.n !== null && !this.begun(open))) return
    open.work.shift()
    try {
      if (work.kind === 'remove') buffer.remove(work.from, work.to)
      else {
        buffer.appendBuffer(work.data)
        if (work.n === null) this.started.add(open)
        else {
          open.loaded.add(work.n)
          open.pending.delete(work.n)
          open.failures = 0
        }
      }
    } catch (error) {
      // QuotaExceededError: make room and try this one again; anything else is a damaged passage.
      if (error instanceof DOMException && error.name === 'QuotaExceededError') {
        open.work.unshift({ kind: 'remove', from: 0, to: Math.max(0.1, this.video.currentTime - 2) }, work)
      } else this.failed(open)
    }
  }

  private readonly started = new WeakSet<Open>()
  private begun(open: Open): boolean {
    return this.started.has(open)
  }

  private drop(open: Open, before: number | null, after: number | null): void {
    if (before === null && after === null) return
    for (const n of evicted(open.epoch.clusters, open.loaded, before, after)) open.loaded.delete(n)
    if (before !== null) open.work.push({ kind: 'remove', from: 0, to: before / 1000 })
    if (after !== null && after / 1000 < open.source.duration) open.work.push({ kind: 'remove', from: after / 1000, to: Number.POSITIVE_INFINITY })
    this.pump(open)
  }

  private prepareNext(at: number): void {
    const next = epochAfter(this.leg, at)
    if (next === null || next.start_ms - at > WARM_MS) return
    void this.once(`${next.epoch}/init`, () => this.source.init(next.epoch), true).catch(() => undefined)
    for (const cluster of next.clusters.slice(0, 3)) {
      void this.once(`${next.epoch}/${cluster[0]}`, () => this.source.cluster(next.epoch, cluster[0]), true).catch(
        () => undefined,
      )
    }
  }

  /** What was fetched in advance is used once and then forgotten: the SourceBuffer holds it from there on. */
  private once(key: string, fetch: () => Promise<ArrayBuffer>, keep = false): Promise<ArrayBuffer> {
    const warm = this.warm.get(key)
    if (warm !== undefined) {
      if (!keep) this.warm.delete(key)
      return warm
    }
    const data = fetch()
    if (keep) {
      this.warm.set(key, data)
      data.catch(() => this.warm.delete(key))
    }
    return data
  }
}
