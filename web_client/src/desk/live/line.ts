/**
 * One record as it runs, seen from a desk of either kind: the connection, the media, what was pointed at and said.
 *
 * The server's view is the truth and arrives whole. Here lives only what the server cannot know: which sentence to show for
 * some seconds, where the pointer is.
 */
import { computed, onBeforeUnmount, ref, shallowRef, watch, type InjectionKey } from 'vue'

import { api, ApiProblem, at } from '../../shared/api'
import { DeviceProblem, keepAwake, openMedia, Publisher, soundLevel, Subscriber } from '../../shared/media'
import type { Command, EitherView, PersonView, SessionView } from '../../shared/protocol'
import { RecordSocket, Refusal } from '../../shared/socket'
import { useLiveStrip } from '../../shared/strip/live'
import { ended } from '../session'
import { t } from '../text'

/** How long a hint over the picture stays: read twice, then out of the way. */
const HINT_MS = 6000
/** Without any sound of one's own for this long while unmuted, the officer is told. */
const SILENT_MS = 20_000
/** A pointer that has not moved for this long is taken off the picture. */
const POINTER_MS = 2500

export interface PointerSeen {
  x: number
  y: number
  from: string
}

export interface Hint {
  text: string
  kind: 'note' | 'warn' | 'bad'
}

export function useLine<V extends SessionView>(record: string) {
  const socket = new RecordSocket<V>(record)
  const publisher = new Publisher(socket, 'officer')
  const subscriber = new Subscriber(socket)

  const view = socket.view
  const you = socket.you
  const now = ref(Date.now())
  const hint = shallowRef<Hint | null>(null)
  const pointer = shallowRef<PointerSeen | null>(null)
  const device = shallowRef<DeviceProblem | null>(null)
  const silent = ref(false)

  const applicant = computed(() => view.value?.people.find((person) => person.role === 'applicant') ?? null)
  const applicantMedia = computed(() => (applicant.value ? (subscriber.leg(applicant.value.leg) ?? null) : null))
  const officers = computed(() => (view.value?.people ?? []).filter((person) => isOfficer(person) && person.online))
  const lead = computed(() => you.value?.role === 'lead')
  const inCall = computed(() => view.value?.call != null && ['live', 'interrupted', 'closing'].includes(view.value.phase))
  const running = computed(() => view.value?.phase === 'live' || view.value?.phase === 'interrupted')
  const elapsedMs = computed(() =>
    view.value?.call_started_at ? Math.max(0, now.value - new Date(view.value.call_started_at).getTime()) : 0,
  )
  const gap = computed(() => view.value?.interruptions.find((entry) => entry.to === null) ?? null)

  /** Whether the applicant's pictures follow each other here; the stage looks. */
  const moving = ref(true)
  const strip = useLiveStrip({
    view: () => view.value,
    leg: () => applicant.value?.leg ?? null,
    now: () => Date.now() + socket.clockOffsetMs.value,
    seen: () => {
      const person = applicant.value
      // Without a line of one's own nothing is known of the other's; the record will tell.
      if (!person || socket.state.value !== 'open' || (person.online && subscriber.state.value !== 'up')) return null
      const media = applicantMedia.value
      return {
        // Somebody who waits has a line but sends nothing: for the recording they are not there yet.
        connected: person.online && media !== null && (media.hasAudio || media.hasCamera),
        picture: media?.hasCamera === true && moving.value,
        sound: media?.hasAudio === true,
        masked: view.value?.mask[person.leg] === true,
        mutedAudio: person.muted_audio,
        mutedVideo: person.muted_video,
      }
    },
  })

  let hintTimer = 0
  function say(text: string, kind: Hint['kind'] = 'note'): void {
    hint.value = { text, kind }
    window.clearTimeout(hintTimer)
    hintTimer = window.setTimeout(() => (hint.value = null), HINT_MS)
  }

  /** Carries out one act; a refusal is said in the server's words. True when it is on record. */
  async function act(command: Command): Promise<boolean> {
    try {
      await socket.command(command)
      return true
    } catch (error) {
      if (error instanceof Refusal) say(`${error.text} ${t('state.code', { code: error.code })}`, 'warn')
      return false
    }
  }

  let opening = false
  async function join(): Promise<void> {
    if (opening) return
    opening = true
    subscriber.start()
    try {
      const opened = await openMedia({ profile: 'officer' })
      publisher.start(opened.stream)
      device.value = opened.soundProblem ?? null
      listen(opened.stream)
    } catch (error) {
      // An officer without a camera still sees, asks and answers; the page says that nobody sees them.
      if (error instanceof DeviceProblem) device.value = error
      else console.warn('media', error)
    }
  }

  function part(): void {
    if (!opening) return
    opening = false
    publisher.close()
    subscriber.stop()
    level?.stop()
    level = null
  }

  let level: ReturnType<typeof soundLevel> | null = null
  let heardAt = Date.now()
  function listen(stream: MediaStream): void {
    if (stream.getAudioTracks().length === 0) return
    level = soundLevel(stream)
    heardAt = Date.now()
  }

  async function toggleMicrophone(): Promise<void> {
    const muted = !publisher.mutedAudio.value
    publisher.setMuted('audio', muted)
    await act({ do: 'mute.report', kind: 'audio', muted })
  }

  /** Why this record does not open; null while it may. A browser hides why a WebSocket was refused, so the same address is asked plainly. */
  const closed = ref<'refused' | 'missing' | null>(null)
  watch(socket.lostSince, async (since) => {
    if (since === null || view.value !== null) return
    try {
      await api.get(at`/api/ws?record=${record}`)
    } catch (error) {
      if (ended(error) || !(error instanceof ApiProblem)) return
      if (error.status === 403) closed.value = 'refused'
      if (error.status === 404) closed.value = 'missing'
      if (closed.value !== null) socket.close()
    }
  })

  let pointerTimer = 0
  const undo = [
    socket.on('pointer', (message) => {
      pointer.value = { x: message.x, y: message.y, from: message.from }
      window.clearTimeout(pointerTimer)
      pointerTimer = window.setTimeout(() => (pointer.value = null), POINTER_MS)
    }),
    socket.on('notice', (message) => {
      say(message.text, message.level === 'error' ? 'bad' : message.level === 'warning' ? 'warn' : 'note')
    }),
    socket.on('welcome', () => {
      const left = Number(sessionStorage.getItem(leftKey))
      sessionStorage.removeItem(leftKey)
      if (left && inCall.value) say(t('live.reload', { seconds: Math.max(1, Math.round((Date.now() - left) / 1000)) }))
    }),
    watch(
      inCall,
      (running) => {
        if (running) void join()
        else part()
      },
      { immediate: true },
    ),
  ]

  // A reload is told to the officer with its length: the recording has that gap.
  const leftKey = `yk.left.${record}`
  const leaving = (): void => {
    if (inCall.value) sessionStorage.setItem(leftKey, String(Date.now()))
  }
  window.addEventListener('pagehide', leaving)

  const ticker = window.setInterval(() => {
    now.value = Date.now() + socket.clockOffsetMs.value
    if (level === null || publisher.mutedAudio.value) heardAt = Date.now()
    else if (level.read() > 0.01) heardAt = Date.now()
    silent.value = running.value && Date.now() - heardAt > SILENT_MS
  }, 500)

  const sleep = keepAwake()
  socket.open()

  onBeforeUnmount(() => {
    window.removeEventListener('pagehide', leaving)
    window.clearInterval(ticker)
    undo.forEach((stop) => stop())
    part()
    socket.close()
    sleep()
  })

  return {
    record,
    socket,
    publisher,
    subscriber,
    view,
    you,
    now,
    hint,
    pointer,
    device,
    silent,
    closed,
    moving,
    strip,
    applicant,
    applicantMedia,
    officers,
    lead,
    inCall,
    running,
    elapsedMs,
    gap,
    act,
    say,
    toggleMicrophone,
  }
}

export type Line<V extends SessionView = SessionView> = ReturnType<typeof useLine<V>>
/** For parts that both desks show: what is one kind's own may be missing. */
export const LINE: InjectionKey<Line<EitherView>> = Symbol('line')

export function isOfficer(person: Pick<PersonView, 'role'>): boolean {
  return person.role === 'lead' || person.role === 'assist'
}
