/**
 * The one connection of a record: `/api/ws?record=…`.
 *
 * Theory: the server's view is the truth and arrives whole after every change; this class only carries. Commands have ids made
 * here and are sent again after a reconnect until they are answered, so a command is carried out once however often the line breaks.
 * Requests about media (`publish`, `subscribe`) are not repeated: their connections die with the line they were made on.
 *
 *   connecting ─welcome→ open ─line lost→ reconnecting ─welcome→ open
 *   any ─4001→ replaced · ─4004→ refused · ─4006→ finished · ─1003 1009 4003→ fault · close()→ closed
 */
import { shallowRef, type ShallowRef } from 'vue'

import { CLOSE, PROTOCOL_VERSION } from './protocol'
import type { ClientMessage, Command, Scalar, ServerMessage, SessionView, View, WelcomeMessage, You } from './protocol'

export type SocketState =
  | 'idle'
  | 'connecting'
  | 'open'
  | 'reconnecting'
  | 'replaced'
  | 'refused'
  | 'finished'
  | 'fault'
  | 'closed'

/** The server said no; nothing was changed. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly text: string,
    readonly params: Readonly<Record<string, Scalar>>,
  ) {
    super(`${code} ${text}`)
  }
}

/** The line broke before the answer came; only for requests about media. */
export class LineLost extends Error {}

type Listener<T extends ServerMessage['type']> = (message: Extract<ServerMessage, { type: T }>) => void
type MediaRequest = Extract<ClientMessage, { type: 'publish' | 'subscribe' | 'subscribe.answer' | 'restart.ice' }>
type WithoutId<T> = T extends { id: string } ? Omit<T, 'id'> : never

interface Waiting {
  message: ClientMessage
  repeat: boolean
  resolve: (answer: ServerMessage) => void
  reject: (error: Error) => void
}

const BACKOFF_FIRST_MS = 500
// Somebody on a phone waits for each of these pauses; after two minutes they have long called or gone.
const BACKOFF_MOST_MS = 2000
const BACKOFF_LATE_MS = 8000
const LATE_AFTER_MS = 120_000
const PING_EVERY_MS = 3000
// Two pings without any answer: on a phone this is how a dead line looks, TCP itself would need minutes.
const SILENCE_MS = 7000
// Where something else is suspicious (media that stand still, a page that slept), one ping decides sooner.
const DOUBT_MS = 1000
const WELCOME_WITHIN_MS = 10_000

const randomId = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}

export class RecordSocket<V extends SessionView = View> {
  readonly state: ShallowRef<SocketState> = shallowRef('idle')
  readonly view: ShallowRef<V | null> = shallowRef(null)
  readonly you: ShallowRef<You | null> = shallowRef(null)
  /** When the line broke, by this device's clock; null while it stands. */
  readonly lostSince: ShallowRef<number | null> = shallowRef(null)
  /** Milliseconds to add to this device's clock to get the server's. */
  readonly clockOffsetMs: ShallowRef<number> = shallowRef(0)
  readonly roundTripMs: ShallowRef<number | null> = shallowRef(null)
  iceServers: RTCIceServer[] = []
  seq = 0

  private socket: WebSocket | null = null
  private waiting = new Map<string, Waiting>()
  private listeners = new Map<string, Set<(message: ServerMessage) => void>>()
  private pongs = new Map<number, () => void>()
  private pause = BACKOFF_FIRST_MS
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private pingTimer: ReturnType<typeof setInterval> | undefined
  private welcomeTimer: ReturnType<typeof setTimeout> | undefined
  private doubtTimer: ReturnType<typeof setTimeout> | undefined
  private heardAt = 0

  constructor(
    readonly record: string,
    private readonly options: { viewOnly?: boolean } = {},
  ) {}

  open(): void {
    if (this.socket || this.over) return
    window.addEventListener('online', this.wake)
    document.addEventListener('visibilitychange', this.wake)
    this.state.value = 'connecting'
    this.connect()
  }

  close(): void {
    this.finish('closed')
    this.socket?.close(1000)
    this.socket = null
  }

  /** Takes the record back on this device after `replaced`. */
  reopen(): void {
    this.state.value = 'idle'
    this.socket = null
    this.open()
  }

  /** Carries out one act. Resolves when it is on record, rejects with `Refusal`; survives broken lines. */
  async command(command: Command): Promise<Record<string, Scalar>> {
    const answer = await this.ask({ type: 'command', id: randomId(), command }, true)
    return answer.type === 'done' ? answer.result : {}
  }

  /** One request about media; rejects with `LineLost` or `Refusal`. */
  async request(message: WithoutId<MediaRequest>): Promise<ServerMessage> {
    return this.ask({ ...message, id: randomId() } as MediaRequest, false)
  }

  /** Not answered, dropped while the line is down: a pointer that comes late points at something else. */
  point(x: number, y: number): void {
    this.send({ type: 'point', x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) })
  }

  on<T extends ServerMessage['type']>(type: T, listener: Listener<T>): () => void {
    const set = this.listeners.get(type) ?? new Set()
    this.listeners.set(type, set)
    const entry = listener as (message: ServerMessage) => void
    set.add(entry)
    return () => set.delete(entry)
  }

  /**
   * Upstream rate in kbit/s: a few pings made long with blanks (blanks between JSON tokens carry no meaning, RFC 8259 §2), timed
   * to the last answer. Rejects with `LineLost`.
   */
  async measureUp(bytes = 240_000): Promise<{ kbpsUp: number; roundTripMs: number }> {
    const alone = await this.timedPing(0)
    const pad = 48_000 // the server takes 64 KiB a message
    const start = performance.now()
    await Promise.all(Array.from({ length: Math.ceil(bytes / pad) }, () => this.timedPing(pad)))
    const seconds = Math.max(0.001, (performance.now() - start - alone) / 1000)
    return { kbpsUp: Math.round((bytes * 8) / 1000 / seconds), roundTripMs: Math.round(alone) }
  }

  // ---------------------------------------------------------------------------------------------- the line

  private get over(): boolean {
    return ['replaced', 'refused', 'finished', 'fault', 'closed'].includes(this.state.value)
  }

  private get resumeKey(): string {
    return `yk.resume.${this.record}${this.options.viewOnly ? '.view' : ''}`
  }

  private connect(): void {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/api/ws?record=${encodeURIComponent(this.record)}`)
    this.socket = socket
    this.welcomeTimer = setTimeout(() => socket.close(), WELCOME_WITHIN_MS)
    socket.onopen = () => {
      this.heardAt = Date.now()
      this.send({
        type: 'hello',
        version: PROTOCOL_VERSION,
        resume: sessionStorage.getItem(this.resumeKey),
        view_only: this.options.viewOnly ?? false,
      })
    }
    socket.onmessage = (event) => {
      if (socket === this.socket && typeof event.data === 'string') this.receive(JSON.parse(event.data) as ServerMessage<V>)
    }
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.code)
    }
  }

  private lost(code: number): void {
    clearTimeout(this.welcomeTimer)
    clearInterval(this.pingTimer)
    clearTimeout(this.doubtTimer)
    this.doubtTimer = undefined
    this.socket = null
    this.failMediaRequests()
    this.pongs.clear()
    if (this.over) return
    if (code === CLOSE.replaced) return this.finish('replaced')
    if (code === CLOSE.notAllowed) return this.finish('refused')
    if (code === CLOSE.finished) return this.finish('finished')
    if (code === CLOSE.protocolError || code === CLOSE.unsupported || code === CLOSE.tooBig) return this.finish('fault')
    if (this.lostSince.value === null) this.lostSince.value = Date.now()
    this.state.value = this.view.value ? 'reconnecting' : 'connecting'
    // Full jitter around a doubling pause, so that a restarted node is not met by everybody at once.
    const pause = this.pause * (0.5 + Math.random() * 0.5)
    const most = Date.now() - this.lostSince.value > LATE_AFTER_MS ? BACKOFF_LATE_MS : BACKOFF_MOST_MS
    this.pause = Math.min(most, this.pause * 2)
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => this.connect(), pause)
  }

  private finish(state: SocketState): void {
    this.state.value = state
    clearTimeout(this.retryTimer)
    clearTimeout(this.welcomeTimer)
    clearInterval(this.pingTimer)
    clearTimeout(this.doubtTimer)
    window.removeEventListener('online', this.wake)
    document.removeEventListener('visibilitychange', this.wake)
    this.failMediaRequests()
    for (const entry of this.waiting.values()) entry.reject(new LineLost(state))
    this.waiting.clear()
  }

  private wake = (): void => {
    if (document.visibilityState === 'hidden' || this.over) return
    if (this.state.value === 'open') this.doubt()
    else this.retryNow()
  }

  /** The line looks open and may be dead: after a sleep, or when the media stand still. One ping decides. */
  doubt(): void {
    const socket = this.socket
    if (this.state.value !== 'open' || this.doubtTimer !== undefined) return
    const asked = Date.now()
    this.send({ type: 'ping', t: performance.now() })
    const patience = Math.max(DOUBT_MS, 3 * (this.roundTripMs.value ?? 0))
    this.doubtTimer = setTimeout(() => {
      this.doubtTimer = undefined
      if (this.heardAt < asked && socket && socket === this.socket) this.abandon(socket)
    }, patience)
  }

  /** Nothing is heard of it any more, and its own farewell would take minutes. */
  private abandon(socket: WebSocket): void {
    this.lost(1006)
    socket.close()
  }

  /** Does not wait for the pause to end (the button 重新连接). */
  retryNow(): void {
    if (this.over || this.socket) return
    clearTimeout(this.retryTimer)
    this.pause = BACKOFF_FIRST_MS
    this.connect()
  }

  private watch = (): void => {
    if (Date.now() - this.heardAt > SILENCE_MS && this.socket) this.abandon(this.socket)
    else this.send({ type: 'ping', t: performance.now() })
  }

  // ---------------------------------------------------------------------------------------------- messages

  private receive(message: ServerMessage<V>): void {
    this.heardAt = Date.now()
    switch (message.type) {
      case 'welcome':
        this.welcomed(message)
        break
      case 'view':
        this.seq = message.seq
        this.view.value = message.view
        break
      case 'done':
      case 'published':
      case 'offered':
        this.settle(message.id, (entry) => entry.resolve(message))
        break
      case 'refused':
        if (message.id)
          this.settle(message.id, (entry) => entry.reject(new Refusal(message.code, message.text, message.params)))
        break
      case 'pong':
        this.ponged(message.t, message.now)
        break
    }
    for (const listener of this.listeners.get(message.type) ?? []) listener(message as ServerMessage)
  }

  private welcomed(message: WelcomeMessage<V>): void {
    clearTimeout(this.welcomeTimer)
    sessionStorage.setItem(this.resumeKey, message.resume)
    this.iceServers = message.ice_servers.map((server) => ({
      urls: server.urls,
      ...(server.username ? { username: server.username, credential: server.credential ?? '' } : {}),
    }))
    this.you.value = message.you
    this.seq = message.seq
    this.view.value = message.view
    this.pause = BACKOFF_FIRST_MS
    this.lostSince.value = null
    this.state.value = 'open'
    clearInterval(this.pingTimer)
    this.pingTimer = setInterval(this.watch, PING_EVERY_MS)
    this.send({ type: 'ping', t: performance.now() })
    for (const entry of this.waiting.values()) if (entry.repeat) this.send(entry.message)
  }

  private ask(message: Extract<ClientMessage, { id: string }>, repeat: boolean): Promise<ServerMessage> {
    return new Promise((resolve, reject) => {
      if (this.over) return reject(new LineLost(this.state.value))
      if (!repeat && this.state.value !== 'open') return reject(new LineLost('not open'))
      this.waiting.set(message.id, { message, repeat, resolve, reject })
      if (this.state.value === 'open') this.send(message)
    })
  }

  private settle(id: string, how: (entry: Waiting) => void): void {
    const entry = this.waiting.get(id)
    if (!entry) return
    this.waiting.delete(id)
    how(entry)
  }

  private failMediaRequests(): void {
    for (const [id, entry] of this.waiting)
      if (!entry.repeat) {
        this.waiting.delete(id)
        entry.reject(new LineLost('line lost'))
      }
  }

  private timedPing(padding: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const socket = this.socket
      if (!socket || socket.readyState !== WebSocket.OPEN) return reject(new LineLost('not open'))
      const start = performance.now()
      const t = start + Math.random() // pings of one measurement differ
      const timer = setTimeout(() => {
        this.pongs.delete(t)
        reject(new LineLost('no answer'))
      }, 15_000)
      this.pongs.set(t, () => {
        clearTimeout(timer)
        resolve(performance.now() - start)
      })
      socket.send(`{"type":"ping","t":${t}${' '.repeat(padding)}}`)
    })
  }

  private ponged(t: number, now: string): void {
    const measured = this.pongs.get(t)
    if (measured) {
      this.pongs.delete(t)
      measured()
      return
    }
    const trip = performance.now() - t
    if (trip < 0 || trip > SILENCE_MS) return
    this.roundTripMs.value = Math.round(trip)
    this.clockOffsetMs.value = Math.round(new Date(now).getTime() + trip / 2 - Date.now())
  }

  private send(message: ClientMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }
}
