/** The sheet as it is now: waits while it is made, loads it again when an objection or a signature changed it. */
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'

import { api, ApiProblem, at, Unreachable } from '../../shared/api'
import { toMs } from '../../shared/format'
import type { Report, ReportItem, Sheet } from '../../shared/report'
import { grow, type StripSegment } from '../../shared/strip/segments'
import type { SignerState } from '../../schemas/api'
import { spoken, type Session, type Spoken } from '../session'

// It is made in about five seconds; asking each second costs nothing beside the call.
const ASK_AGAIN_MS = 1500

export function useSheet(session: Session) {
  const report = shallowRef<Report | null>(null)
  const problem = ref<Spoken | null>(null)
  /** How it stands with this person's own signature. */
  const mine = shallowRef<SignerState | null>(null)
  const changed = ref<Set<number>>(new Set())
  let timer: ReturnType<typeof setTimeout> | undefined
  const record = computed(() => session.view.value?.record ?? session.landing.value?.record ?? '')

  async function load(): Promise<void> {
    clearTimeout(timer)
    // The view tells when there is something to ask for.
    const view = session.view.value
    if (view ? !view.sheet_ready : !session.landing.value?.sheet) return
    try {
      const sheet = await api.get<Sheet>(at`/api/records/${record.value}/sheet`)
      const found = sheet.report
      mine.value = sheet.signers.find((signer) => signer.own) ?? null
      session.read.value = { sha256: sheet.sha256, size: sheet.size }
      if (report.value) changed.value = new Set([...changed.value, ...differences(report.value, found)])
      report.value = found
      problem.value = null
    } catch (error) {
      const soon = error instanceof Unreachable || (error instanceof ApiProblem && (error.status === 404 || error.status === 409))
      if (soon) timer = setTimeout(() => void load(), ASK_AGAIN_MS)
      else problem.value = spoken(error)
    }
  }
  // An objection lets the sheet be made anew: `sheet_ready` falls and rises again.
  watch(
    () => [session.landing.value?.sheet, session.view.value?.sheet_ready, session.view.value?.objections?.length, session.view.value?.signers.filter((s) => s.state !== 'waiting').length],
    () => void load(),
  )
  onBeforeUnmount(() => clearTimeout(timer))
  void load()

  const items = computed<ReportItem[]>(() => report.value?.sections.flatMap((section) => section.items) ?? [])
  const failing = computed(() => items.value.filter((item) => item.finding === 'fails'))
  const conforming = computed(() => items.value.filter((item) => item.finding === 'conforms'))
  const others = computed(() => items.value.filter((item) => item.finding !== 'fails' && item.finding !== 'conforms'))
  const pdf = computed(() => at`/api/records/${record.value}/report.pdf`)
  return { report, problem, mine, changed, items, failing, conforming, others, pdf, record, load }
}

/** Numbers of items whose finding, figure or note is not what this person read before. */
function differences(before: Report, after: Report): number[] {
  const old = new Map(before.sections.flatMap((section) => section.items).map((item) => [item.id, item]))
  return after.sections
    .flatMap((section) => section.items)
    .filter((item) => {
      const was = old.get(item.id)
      return was && (was.finding !== item.finding || was.measured !== item.measured || was.note !== item.note)
    })
    .map((item) => item.number)
}

/** The whole recording up to the cut as a strip: live but for the listed gaps. */
export function stripOf(report: Report): { segments: StripSegment[]; start: number; lengthMs: number } | null {
  if (!report.coverage.started_at) return null
  const start = toMs(report.coverage.started_at)
  const lengthMs = Math.max(1000, toMs(report.coverage.cut_at) - start)
  let segments: StripSegment[] = []
  const gaps = [...report.coverage.gaps].sort((a, b) => toMs(a.start) - toMs(b.start))
  for (const gap of gaps) {
    segments = grow(segments, Math.min(lengthMs, toMs(gap.start) - start), 'live')
    segments = grow(segments, Math.min(lengthMs, toMs(gap.end) - start), gap.kind, gap.cause || null)
  }
  return { segments: grow(segments, lengthMs, 'live'), start, lengthMs }
}
