/**
 * V1, the public page behind the code on a printed sheet. The file stays here: its SHA-256 is asked about, and the server
 * judges the file of that hash which it keeps itself, so a verdict about this file is one about those very bytes.
 */
import { api, ApiProblem, at } from '../shared/api'
import { formatStamp } from '../shared/format'
import { defineText, lang, ofTwo, setLang } from '../shared/i18n'
import { sha256Hex } from '../shared/media/photo'
import en from '../shared/messages/en/verify'
import zh from '../shared/messages/zh/verify'
import type { PdfVerdict, Reason, Sealed } from '../schemas/api'

const t = defineText(zh, en)
const element = (id: string): HTMLElement => document.getElementById(id)!

/** What was signed is somebody else's words: text only, never markup. */
function line(parent: HTMLElement, text: string, tag = 'p', style = ''): HTMLElement {
  const made = document.createElement(tag)
  made.textContent = text
  if (style) made.className = style
  parent.append(made)
  return made
}

function box(state: 'pass' | 'fail', title: string): HTMLElement {
  const made = document.createElement('div')
  made.className = `verdict ${state}`
  line(made, `${state === 'pass' ? '✓' : '✗'} ${title}`, 'h2')
  element('verdict').replaceChildren(made)
  return made
}

/** What a role is called in a record of this kind; the help service names its own people. */
function role(kind: PdfVerdict['kind'], name: string): string {
  const key = [`${kind}.role.${name}`, `role.${name}`].find((each) => each in zh)
  return key ? t(key as keyof typeof zh) : name
}
const when = (moment: string | null): string => (moment ? formatStamp(moment) : '')
// Told, but no fault: whose certificates and stamps these are, who refused, what was revoked afterwards.
const NOTES = new Set(['V20', 'V21', 'V22', 'V23', 'V24'])

function say(parent: HTMLElement, reason: Reason): void {
  line(parent, ofTwo(reason.zh, reason.en), 'p', NOTES.has(reason.code) ? '' : 'bad-ink')
}

function show(verdict: PdfVerdict): void {
  const good = verdict.state === 'pass'
  const made = box(good ? 'pass' : 'fail', t(good ? 'good' : 'bad'))
  line(made, t('number', { number: verdict.case_number }))
  const list = line(made, '', 'ul')
  for (const one of verdict.signatures) {
    const sign = one.state === 'pass' ? '✓' : '✗'
    const item = line(list, `${sign} ${role(verdict.kind, one.role)} ${one.name}`, 'li', one.state === 'pass' ? '' : 'bad-ink')
    line(item, when(one.at))
    if (one.identity) line(item, t('identity', { how: one.identity }))
    if (one.said) line(item, t('said', { words: one.said }))
    for (const reason of one.reasons) say(item, reason)
  }
  line(made, t('about'), 'h3')
  for (const reason of verdict.reasons) say(made, reason)
  line(made, t('unchecked'), 'p', 'quiet')
  line(made, `SHA-256 ${verdict.sha256}`, 'p', 'hash')
}

/** What the page shows now, to be shown again in the other language. */
let shown: () => void = () => undefined

async function judge(file: File): Promise<void> {
  element('verdict').textContent = t('asking')
  try {
    const sha256 = await sha256Hex(await file.arrayBuffer())
    try {
      const verdict = await api.get<PdfVerdict>(at`/api/sheets/${sha256}`)
      shown = () => show(verdict)
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.code !== 'G12') throw error
      shown = () => {
        const made = box('fail', t('unknown'))
        line(made, t('unknown.do'))
        line(made, `SHA-256 ${sha256}`, 'p', 'hash')
      }
    }
  } catch (error) {
    const words = error instanceof ApiProblem ? error.detail : null
    shown = () => void (element('verdict').textContent = words ?? t('unreachable'))
  }
  shown()
}

/** Where the code on the paper leads: which file the paper is a copy of. */
async function ofPaper(record: string): Promise<() => void> {
  try {
    const sealed = await api.get<Sealed>(at`/api/records/${record}/sealed`)
    return () => {
      const paper = element('paper')
      paper.replaceChildren()
      line(paper, t('paper', { number: sealed.case_number, office: sealed.office, at: when(sealed.sealed_at) }))
      line(paper, t('call', { phone: sealed.phone || '—' }))
      line(paper, `SHA-256 ${sealed.sha256}`, 'p', 'hash')
      paper.hidden = false
    }
  } catch {
    return () => undefined // not sealed yet, or no such record: the page says how to verify without it
  }
}

let paper: () => void = () => undefined
const switcher = element('language') as HTMLButtonElement

/** The page in the reader's language, what was found included. */
function spell(): void {
  document.documentElement.dataset['lang'] = lang.value
  document.title = t('title')
  switcher.textContent = t('other')
  switcher.lang = lang.value === 'zh' ? 'en' : 'zh-CN'
  switcher.hidden = false
  paper()
  shown()
}

switcher.addEventListener('click', () => {
  setLang(lang.value === 'zh' ? 'en' : 'zh')
  spell()
})
const input = element('file') as HTMLInputElement
input.addEventListener('change', () => {
  const file = input.files?.[0]
  if (file) void judge(file)
  input.value = '' // the same file may be chosen again
})
const drop = element('drop')
document.addEventListener('dragover', (event) => {
  event.preventDefault()
  drop.classList.add('over')
})
document.addEventListener('dragleave', () => drop.classList.remove('over'))
document.addEventListener('drop', (event) => {
  event.preventDefault()
  drop.classList.remove('over')
  const file = event.dataTransfer?.files[0]
  if (file) void judge(file)
})
spell()
const record = new URLSearchParams(location.search).get('record')
if (record) void ofPaper(record).then((tell) => (paper = tell)()) // from now on part of every spelling
