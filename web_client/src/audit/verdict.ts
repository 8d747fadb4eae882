/** The verdict of a verification as sentences. Never a bare tick: what was compared, what differs, what could not be judged. Pure. */
export type PartState = 'pass' | 'fail' | 'undecided'

export interface Reason {
  zh: string
  en: string
  at_ms: number | null
}

export interface PartVerdict {
  part: string
  state: PartState
  reasons: Reason[]
}

export interface Verdict {
  state: PartState
  parts: PartVerdict[]
  at: string | null
  /** The server's own summing up, where it gives one. */
  sentence: { zh: string; en: string } | null
}

const record = (value: unknown): Record<string, unknown> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null

const STATES: Record<string, PartState> = { pass: 'pass', ok: 'pass', fail: 'fail', failed: 'fail', undecided: 'undecided' }

function reasonOf(value: unknown): Reason {
  const fields = record(value)
  if (fields === null) return { zh: String(value), en: String(value), at_ms: null }
  const zh = String(fields['zh'] ?? fields['text_zh'] ?? fields['text'] ?? fields['code'] ?? '')
  const at = fields['at_ms'] ?? fields['from_ms']
  return { zh, en: String(fields['en'] ?? fields['text_en'] ?? zh), at_ms: typeof at === 'number' ? at : null }
}

function partOf(name: string, value: unknown): PartVerdict {
  const fields = record(value)
  const said = fields === null ? value : (fields['state'] ?? fields['verdict'] ?? fields['result'])
  const reasons = fields?.['reasons'] ?? fields?.['findings']
  return {
    part: name,
    // What we cannot read is not a pass.
    state: STATES[String(said)] ?? 'undecided',
    reasons: (Array.isArray(reasons) ? reasons : []).map(reasonOf),
  }
}

/** Reads the job's result. Null when there is nothing in it that could be called a verdict. */
export function readVerdict(result: unknown): Verdict | null {
  const whole = record(result)
  if (whole === null) return null
  const holder = record(whole['verdict']) ?? whole
  const given = holder['parts'] ?? holder
  let parts: PartVerdict[]
  if (Array.isArray(given)) {
    parts = given.map((entry) => partOf(String(record(entry)?.['part'] ?? record(entry)?.['name'] ?? ''), entry))
  } else {
    parts = Object.entries(record(given) ?? {})
      .filter(([, value]) => record(value)?.['state'] !== undefined || record(value)?.['verdict'] !== undefined)
      .map(([name, value]) => partOf(name, value))
  }
  if (parts.length === 0) return null
  const at = holder['at'] ?? holder['checked_at'] ?? whole['at']
  const zh = holder['sentence_zh']
  const en = holder['sentence_en']
  return {
    state: worst(parts),
    parts,
    at: typeof at === 'string' ? at : null,
    sentence: typeof zh === 'string' && zh !== '' ? { zh, en: typeof en === 'string' ? en : zh } : null,
  }
}

export function worst(parts: readonly PartVerdict[]): PartState {
  if (parts.some((part) => part.state === 'fail')) return 'fail'
  if (parts.some((part) => part.state === 'undecided')) return 'undecided'
  return 'pass'
}
