/** What was said and what was sent, as one list. */
import type { FileView, MessageView } from '../../schemas/api'
import { toMs } from '../format'

export type ChatEntry = { at: number; from: string; mine: boolean } & ({ text: string; file?: never } | { text?: never; file: FileView })

/** In order of time; words before a file of the same moment. */
export function inOrder(messages: readonly MessageView[], files: readonly FileView[]): ChatEntry[] {
  const words: ChatEntry[] = messages.map(({ at, from, mine, text }) => ({ at: toMs(at), from, mine, text }))
  const sent: ChatEntry[] = files.map((file) => ({ at: toMs(file.at), from: file.by, mine: file.mine, file }))
  return [...words, ...sent].sort((one, other) => one.at - other.at)
}

export function pathOf(file: FileView): string {
  return `/api/files/${file.id}`
}

/** Whether the server makes a small copy of it; a HEIC picture it does not decode. */
export function hasSmall(file: Pick<FileView, 'mime'>): boolean {
  return file.mime === 'image/jpeg' || file.mime === 'image/png'
}

/** 12 KB, 3.4 MB: as people are used to read it. */
export function sizeWords(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
}
