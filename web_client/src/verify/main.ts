/**
 * The public page behind the code on a printed sheet. The file stays here: its SHA-256 is asked about, and the server
 * judges the file of that hash which it keeps itself, so a verdict about this file is one about those very bytes.
 */
import { api, ApiProblem, at } from '../shared/api'
import { formatStamp } from '../shared/format'
import { defineText } from '../shared/i18n'
import { sha256Hex } from '../shared/media/photo'
import en from '../shared/messages/en/verify'
import zh from '../shared/messages/zh/verify'
import type { PdfVerdict, Sealed } from '../schemas/api'

const t = defineText(zh, en)
const element = (id: string): HTMLElement => document.getElementById(id)!

/** What was signed is somebody else's words: text only, never markup. */
function line(parent: HTMLElement, text: string, tag = 'p'): HTMLElement {
  const made = document.createElement(tag)
  made.textContent = text
  parent.append(made)
  return made
}

function box(state: 'pass' | 'fail', title: string): HTMLElement {
  const made = document.createElement('div')
  made.className = state
  line(made, title, 'h2')
  element('verdict').replaceChildren(made)
  return made
}

const role = (name: string): string => (`role.${name}` in zh ? t(`role.${name}` as keyof typeof zh) : name)
const when = (moment: string | null): string => (moment ? formatStamp(moment) : '')

function show(verdict: PdfVerdict): void {
  const good = verdict.state === 'pass'
  const made = box(good ? 'pass' : 'fail', t(good ? 'good' : 'bad', { number: verdict.case_number }))
  for (const reason of verdict.reasons) line(made, `${reason.zh} ${reason.en}`)
  const list = line(made, '', 'ul')
  for (const one of verdict.signatures) {
    const item = line(list, `${one.state === 'pass' ? '✓' : '✗'} ${role(one.role)} ${one.name} ${when(one.at)}`, 'li')
    if (one.identity) line(item, t('identity', { how: one.identity }))
    if (one.said) line(item, t('said', { words: one.said }))
    for (const reason of one.reasons) line(item, `${reason.zh} ${reason.en}`)
  }
  line(made, `SHA-256 ${verdict.sha256}`)
}

async function judge(file: File): Promise<void> {
  element('verdict').textContent = t('asking')
  try {
    const sha256 = await sha256Hex(await file.arrayBuffer())
    try {
      show(await api.get<PdfVerdict>(at`/api/sheets/${sha256}`))
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.code !== 'G12') throw error
      line(line(box('fail', t('unknown')), error.detail), `SHA-256 ${sha256}`)
    }
  } catch (error) {
    element('verdict').textContent = error instanceof ApiProblem ? error.detail : t('unreachable')
  }
}

/** Where the code on the paper leads: which file the paper is a copy of. */
async function ofPaper(record: string): Promise<void> {
  try {
    const sealed = await api.get<Sealed>(at`/api/records/${record}/sealed`)
    const paper = element('paper')
    line(paper, t('paper', { number: sealed.case_number, office: sealed.office, at: when(sealed.sealed_at) }))
    line(paper, t('call', { phone: sealed.phone || '—' }))
    line(paper, `SHA-256 ${sealed.sha256}`)
    paper.hidden = false
  } catch {
    // not sealed yet, or no such record: the page says how to verify without it
  }
}

const input = element('file') as HTMLInputElement
input.addEventListener('change', () => {
  const file = input.files?.[0]
  if (file) void judge(file)
})
document.addEventListener('dragover', (event) => event.preventDefault())
document.addEventListener('drop', (event) => {
  event.preventDefault()
  const file = event.dataTransfer?.files[0]
  if (file) void judge(file)
})
const record = new URLSearchParams(location.search).get('record')
if (record) void ofPaper(record)
