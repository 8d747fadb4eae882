/**
 * One record as it runs, seen from the desk: the connection, the media, and what the officer has asked for but not yet got.
 *
 * The server's view is the truth and arrives whole. Here lives only what the server cannot know: which answer is on its
 * way, which sentence to show for some seconds, where the pointer is.
 */
import { computed, onBeforeUnmount, reactive, ref, shallowRef, watch, type ComputedRef, type InjectionKey } from 'vue'

import { api, ApiProblem, at } from '../../shared/api'
import { DeviceProblem, keepAwake, openMedia, Publisher, soundLevel, Subscriber } from '../../shared/media'
import type { AnswerValue, Command, ItemView, PersonView, View } from '../../shared/protocol'
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

export type SaveState = 'saving' | 'saved' | 'failed'

export interface Saving {
  state: SaveState
  at: number
  text: string
}

export interface PointerSeen {
  x: number
  y: number
  from: string
}

export interface Hint {
  text: string
  kind: 'note' | 'warn' | 'bad'
}

/** One answer, whole, as it is sent. */
export interface Answer {
  value: AnswerValue | null
  measured: number | null
  choice: string | null
  text: string | null
  note: string
}

export function useRoom(record: string) {
  const socket = new RecordSocket(record)
  const publisher = new Publisher(socket, 'officer')
  const subscriber = new Subscriber(socket)

  const view = socket.view
  const you = socket.you
  const now = ref(Date.now())
  const saving = reactive(new Map<string, Saving>())
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

  /**
   * What was last sent for an item, until the view shows it: an answer given a moment after a measure must carry that measure,
   * although the view still lacks it. `seq` is the event that it became, null while it is on its way.
   */
  const onTheWay = new Map<string, { answer: Answer; seq: number | null }>()

  function standing(item: ItemView): Answer {
    const sent = onTheWay.get(item.id)
    if (sent && (sent.seq === null || item.seq < sent.seq)) return sent.answer
    return { value: item.value, measured: item.measured, choice: item.choice, text: item.text_answer, note: item.note }
  }

  async function answer(item: ItemView, change: Partial<Answer>): Promise<void> {
    const given = { ...standing(item), ...change }
    const entry: { answer: Answer; seq: number | null } = { answer: given, seq: null }
    onTheWay.set(item.id, entry)
    saving.set(item.id, { state: 'saving', at: Date.now(), text: '' })
    try {
      const done = await socket.command({ do: 'answer.set', item: item.id, ...given, seen_seq: item.seq })
      entry.seq = typeof done['seq'] === 'number' ? done['seq'] : 0
      saving.set(item.id, { state: 'saved', at: Date.now() + socket.clockOffsetMs.value, text: '' })
    } catch (error) {
      if (onTheWay.get(item.id) === entry) onTheWay.delete(item.id)
      const text = error instanceof Refusal ? error.text : t('state.offline')
      saving.set(item.id, { state: 'failed', at: Date.now(), text })
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
    saving,
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
    answer,
    say,
    toggleMicrophone,
  }
}

export type Room = ReturnType<typeof useRoom>
export const ROOM: InjectionKey<Room> = Symbol('room')
export type Live = ComputedRef<View>

export function isOfficer(person: Pick<PersonView, 'role'>): boolean {
  return person.role === 'lead' || person.role === 'assist'
}
