/** A4: the phone's five checks, each a small state of its own, run after one tap and again one by one. */
import { computed, onBeforeUnmount, reactive, ref, shallowRef } from 'vue'

import { DeviceProblem, levelOf, soundLevel, type DeviceCode, type Level } from '../../shared/media'
import type { Place } from '../../shared/protocol'
import type { Session } from '../session'
import { service } from '../text'

export type Mark = 'idle' | 'running' | 'ok' | 'warn' | 'bad'

// A position off by more than this could be the house next door.
const PLACE_GOOD_M = 50
// Farther than this from the registered address is another place, whatever the position's error.
const PLACE_FAR_M = 500
const PLACE_WITHIN_MS = 15_000
const PICTURE_WITHIN_MS = 4000
const HEARD = 0.12
const BATTERY_LOW = 0.3

interface BatteryLike {
  level: number
  charging: boolean
}

export function usePhoneCheck(session: Session) {
  const marks = reactive<Record<'camera' | 'microphone' | 'place' | 'network' | 'battery', Mark>>({
    camera: 'idle',
    microphone: 'idle',
    place: 'idle',
    network: 'idle',
    battery: 'idle',
  })
  const cameraCode = ref<DeviceCode | null>(null)
  const soundCode = ref<DeviceCode | null>(null)
  const level = ref(0)
  const place = shallowRef<Place | null>(null)
  const distance = computed(() => session.view.value?.place?.distance_m ?? null)
  const far = computed(() => {
    const away = distance.value
    return away !== null && away > PLACE_FAR_M && away > 2 * (place.value?.accuracy_m ?? 0) ? away : null
  })
  const network = ref<Level | null>(null)
  const kbps = ref<number | null>(null)
  const battery = ref<number | null>(null)
  const started = ref(false)
  const finished = ref(false)

  let sound: ReturnType<typeof soundLevel> | null = null
  let listening: ReturnType<typeof setInterval> | undefined

  async function checkCamera(): Promise<void> {
    marks.camera = 'running'
    marks.microphone = 'running'
    cameraCode.value = null
    soundCode.value = null
    try {
      const opened = await session.openCamera()
      await pictureComes(opened.stream)
      marks.camera = 'ok'
      soundCode.value = opened.soundProblem?.code ?? null
      marks.microphone = soundCode.value ? 'bad' : 'running'
      if (!soundCode.value) listen(opened.stream)
    } catch (error) {
      cameraCode.value = error instanceof DeviceProblem ? error.code : 'C05'
      marks.camera = 'bad'
      marks.microphone = 'idle'
    }
  }

  /** Permission alone is not a picture: some web views grant it and stay black (C05). */
  async function pictureComes(stream: MediaStream): Promise<void> {
    const video = document.createElement('video')
    video.muted = true
    video.setAttribute('playsinline', '')
    video.srcObject = stream
    void video.play().catch(() => undefined)
    const until = Date.now() + PICTURE_WITHIN_MS
    try {
      while (Date.now() < until) {
        if (video.videoWidth > 0 && video.readyState >= 2) return
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      throw new DeviceProblem('C05')
    } finally {
      video.srcObject = null
    }
  }

  function listen(stream: MediaStream): void {
    sound?.stop()
    clearInterval(listening)
    sound = soundLevel(stream)
    listening = setInterval(() => {
      level.value = sound?.read() ?? 0
      if (level.value > HEARD) marks.microphone = 'ok'
    }, 100)
  }

  async function checkPlace(): Promise<void> {
    marks.place = 'running'
    try {
      const found = await new Promise<GeolocationPosition>((resolve, reject) => {
        if (!navigator.geolocation) return reject(new Error('no geolocation'))
        navigator.geolocation.getCurrentPosition(resolve, reject, {
          enableHighAccuracy: true,
          timeout: PLACE_WITHIN_MS,
          maximumAge: 0,
        })
      })
      const { latitude, longitude, accuracy } = found.coords
      place.value = { lat: latitude, lon: longitude, accuracy_m: Math.round(accuracy) }
      marks.place = accuracy <= PLACE_GOOD_M ? 'ok' : 'warn'
      await session.send({ do: 'place.report', ...place.value })
    } catch {
      place.value = null
      marks.place = 'warn'
    }
  }

  async function checkNetwork(): Promise<void> {
    marks.network = 'running'
    try {
      const measured = await session.socket.value?.measureUp()
      if (!measured) throw new Error('not connected')
      kbps.value = measured.kbpsUp
      network.value = levelOf(measured.kbpsUp, 0)
      marks.network = network.value === 'weak' ? 'warn' : 'ok'
    } catch {
      kbps.value = null
      network.value = null
      marks.network = 'warn'
    }
  }

  async function checkBattery(): Promise<void> {
    const get = (navigator as { getBattery?: () => Promise<BatteryLike> }).getBattery
    if (!get) return // iPhones do not tell; then the line is not shown
    try {
      const found = await get.call(navigator)
      battery.value = found.level
      marks.battery = found.level >= BATTERY_LOW || found.charging ? 'ok' : 'warn'
    } catch {
      battery.value = null
    }
  }

  async function report(): Promise<void> {
    await session.send({
      do: 'device.report',
      camera: marks.camera === 'ok',
      microphone: soundCode.value === null && marks.camera === 'ok',
      place: place.value,
      kbps_up: kbps.value,
      loss_percent: null, // a TCP measurement sees none; the call's own statistics do
      battery: battery.value,
      browser: navigator.userAgent.slice(0, 200),
    })
  }

  async function run(): Promise<void> {
    started.value = true
    finished.value = false
    // The browser's questions come one after another; what asks nothing runs beside them.
    const quiet = Promise.all([checkNetwork(), checkBattery()])
    await checkCamera()
    // Where somebody is helped from is nobody's business.
    if (service.value === 'inspection') await checkPlace()
    await quiet
    await report()
    finished.value = true
  }

  async function again(what: 'camera' | 'place' | 'network'): Promise<void> {
    if (what === 'camera') await checkCamera()
    if (what === 'place') await checkPlace()
    if (what === 'network') await checkNetwork()
    await report()
  }

  onBeforeUnmount(() => {
    sound?.stop()
    clearInterval(listening)
  })

  /** Only a missing camera keeps somebody out. */
  const mayEnter = computed(() => finished.value && marks.camera === 'ok')
  const allGood = computed(
    () =>
      marks.camera === 'ok' &&
      marks.microphone !== 'bad' &&
      (marks.place === 'ok' || service.value === 'help') &&
      far.value === null &&
      marks.network === 'ok' &&
      marks.battery !== 'warn',
  )
  return { marks, cameraCode, soundCode, level, place, far, network, battery, started, finished, mayEnter, allGood, run, again }
}
