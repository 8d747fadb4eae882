/** What all pages of the applicant share: the flow, the connection, the camera. Made once by App.vue, handed down by `useSession`. */
import { computed, inject, provide, ref, shallowRef, watch, type InjectionKey } from 'vue'

import { api, ApiProblem, at, Unreachable, type Landing } from '../shared/api'
import { deviceId, memory } from '../shared/device'
import { lang } from '../shared/i18n'
import { openMedia, Publisher, Subscriber, type Facing } from '../shared/media'
import type { Command, EitherView } from '../shared/protocol'
import type { ReadRevision } from '../shared/sign'
import { RecordSocket, Refusal } from '../shared/socket'
import { spoken as spokenRequest, type Spoken } from '../shared/spoken'
import { problemText } from '../shared/states/text'

import { useLiveStrip, type LiveStrip } from './call/live_strip'
import { createPhotoQueue, type PhotoQueue } from './call/photo_queue'
import { appWithoutVideo, readBrowser } from './check/browser'
import { pageOf, reduce, START, type Action, type Flow } from './flow'
import { service } from './text'

export type { Spoken }

/** The sentence of whatever went wrong, in a request or in the call. */
export function spoken(error: unknown): Spoken {
  return error instanceof Refusal ? { code: error.code, text: error.text } : spokenRequest(error)
}

export function createSession(token: string) {
  const flow = shallowRef<Flow>(START)
  const page = computed(() => pageOf(flow.value))
  const view = computed(() => flow.value.view)
  const landing = computed(() => flow.value.landing)
  const office = computed(() => view.value?.office ?? landing.value?.office ?? null)
  const browser = readBrowser(navigator.userAgent)
  const deaf = appWithoutVideo(browser)

  const socket = shallowRef<RecordSocket<EitherView> | null>(null)
  const publisher = shallowRef<Publisher | null>(null)
  const subscriber = shallowRef<Subscriber | null>(null)
  const photos = shallowRef<PhotoQueue | null>(null)
  /** The camera before the call; inside the call the publisher owns it. */
  const camera = shallowRef<MediaStream | null>(null)
  const facing = ref<Facing>('environment')
  const standing = ref(false)
  const offline = ref(!navigator.onLine)
  const flash = ref<Spoken | null>(null)
  /** The revision of the sheet that this person has before them; what is signed must begin with these very bytes. */
  const read = shallowRef<ReadRevision | null>(null)

  function dispatch(action: Action): void {
    flow.value = reduce(flow.value, action)
  }

  // ------------------------------------------------------------------------------------------ before the call

  async function load(): Promise<void> {
    try {
      const found = await api.get<Landing>(at`/api/invitations/${token}`)
      service.value = found.kind === 'help' ? 'help' : 'inspection'
      dispatch({ type: 'landed', landing: found })
      standing.value = memory.read(`yk.standing.${found.record}`) === 'yes'
      if (found.joined && !socket.value) {
        dispatch({ type: 'joined' })
        connect(found)
      }
    } catch (error) {
      if (error instanceof Unreachable) return // the page keeps showing "slow" with its button
      const body = error instanceof ApiProblem ? error.body : {}
      const params = (body['params'] ?? {}) as Record<string, unknown>
      const phone = String(params['phone'] ?? '')
      const { code, text } = spoken(error)
      const own = code === 'S404' ? 'L02' : code
      dispatch({ type: 'failed', problem: { code: own, text: own === 'L02' ? problemText('L02') : text, phone } })
    }
  }

  async function requestCode(): Promise<string> {
    const { sent_to } = await api.post<{ sent_to: string }>(at`/api/invitations/${token}/code`)
    return sent_to
  }

  async function join(code: string): Promise<void> {
    await api.post(at`/api/invitations/${token}/join`, { code, device: deviceId() })
    dispatch({ type: 'joined' })
    if (landing.value) connect(landing.value)
  }

  function connect({ record, role }: Landing): void {
    if (role === 'witness') return // reads and signs, and is not in the call
    socket.value?.close()
    const line = new RecordSocket<EitherView>(record)
    socket.value = line
    publisher.value = new Publisher(line, 'applicant')
    subscriber.value = new Subscriber(line)
    photos.value?.stop()
    photos.value = createPhotoQueue(record)
    void photos.value.restore()
    watch(line.view, (next) => socket.value === line && dispatch({ type: 'view', view: next }))
    watch(line.state, (state) => {
      if (socket.value !== line) return
      dispatch({ type: 'socket', state })
      if (state === 'replaced') closeMedia()
      if (state === 'refused') {
        dispatch({ type: 'refusedJoin' })
      }
    })
    line.open()
  }

  // The consent's two sentences come from the server in the reader's language.
  watch(lang, () => {
    flash.value = null
    void load()
  })

  /** Sends a command; what was refused is shown, and false returned. */
  async function send(command: Command): Promise<boolean> {
    try {
      await socket.value?.command(command)
      return true
    } catch (error) {
      if (error instanceof Refusal) say(spoken(error))
      return false
    }
  }

  let flashTimer: ReturnType<typeof setTimeout> | undefined
  function say(what: Spoken, ms = 6000): void {
    flash.value = what
    clearTimeout(flashTimer)
    flashTimer = setTimeout(() => (flash.value = null), ms)
  }

  function allowStanding(on: boolean): void {
    standing.value = on
    const record = landing.value?.record
    if (record) memory.write(`yk.standing.${record}`, on ? 'yes' : null)
  }

  // ------------------------------------------------------------------------------------------ camera and call

  /** An inspection looks at the place, help begins face to face. */
  function firstLens(): Facing {
    return service.value === 'help' ? 'user' : 'environment'
  }

  async function openCamera() {
    if (camera.value) for (const track of camera.value.getTracks()) track.stop()
    const opened = await openMedia({ profile: 'applicant', facing: firstLens() })
    camera.value = opened.stream
    facing.value = opened.facing
    return opened
  }

  /** The tap 进入勘验: sound may play from here on, the camera goes on air. */
  async function enterCall(): Promise<void> {
    const live = camera.value?.getVideoTracks()[0]?.readyState === 'live'
    if (!live) await openCamera()
    if (camera.value) publisher.value?.start(camera.value, facing.value)
    subscriber.value?.start()
    dispatch({ type: 'enter' })
  }

  async function leaveCall(): Promise<void> {
    void send({ do: 'call.leave' })
    closeMedia()
    dispatch({ type: 'leave' })
  }

  function closeMedia(): void {
    subscriber.value?.stop()
    publisher.value?.close()
    for (const track of camera.value?.getTracks() ?? []) track.stop()
    camera.value = null
  }

  watch(
    () => page.value === 'done' && view.value?.phase === 'closed',
    (over) => over && closeMedia(),
  )
  window.addEventListener('online', () => (offline.value = false))
  window.addEventListener('offline', () => (offline.value = true))

  const barState = computed<'offline' | 'reconnecting' | null>(() => {
    if (offline.value) return 'offline'
    return flow.value.socket === 'reconnecting' ? 'reconnecting' : null
  })

  return {
    token,
    flow,
    page,
    view,
    landing,
    office,
    browser,
    deaf,
    socket,
    publisher,
    subscriber,
    photos,
    camera,
    facing,
    standing,
    flash,
    read,
    barState,
    dispatch,
    load,
    requestCode,
    join,
    send,
    say,
    allowStanding,
    openCamera,
    enterCall,
    leaveCall,
    closeMedia,
  }
}

export type Core = ReturnType<typeof createSession>
export type Session = Core & { strip: LiveStrip }
const KEY: InjectionKey<Session> = Symbol('session')

export function provideSession(token: string): Session {
  const core = createSession(token)
  const session: Session = { ...core, strip: useLiveStrip(core) }
  provide(KEY, session)
  return session
}

export function useSession(): Session {
  const session = inject(KEY)
  if (!session) throw new Error('no session provided')
  return session
}
