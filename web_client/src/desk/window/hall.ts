/** The endpoints of an agent's window, and its words. */
import type { AgentDesk, Moved } from '../../schemas/api'
import { api, at } from '../../shared/api'
import { defineText } from '../../shared/i18n'
import en from '../../shared/messages/en/window'
import zh from '../../shared/messages/zh/window'

export const t = defineText(zh, en)

export type Act =
  | 'call'
  | 'recall'
  | 'serve'
  | 'miss'
  | 'park'
  | 'resume'
  | 'hand_over'
  | 'accept'
  | 'decline'
  | 'finish'
export type Result = 'done' | 'referred' | 'unfinished'

export interface Passing {
  note: string
  papers: string[]
}

export const hall = {
  deskPath: '/api/desk/hall',
  sit: (window: string) => api.post<AgentDesk>(at`/api/windows/${window}/open`),
  stand: (window: string) => api.post<AgentDesk>(at`/api/windows/${window}/close`),
  away: (window: string, away: boolean) => api.post<AgentDesk>(at`/api/windows/${window}/away`, { away }),
  next: (window: string) => api.post<Moved>(at`/api/windows/${window}/next`),
  act: (ticket: string, act: Act) => api.post<Moved>(at`/api/tickets/${ticket}/acts`, { do: act }),
  handOver: (ticket: string, to: string, passing: Passing) =>
    api.post<Moved>(at`/api/tickets/${ticket}/acts`, { do: 'hand_over', to, passing }),
  finish: (ticket: string, result: Result, note: string) =>
    api.post<Moved>(at`/api/tickets/${ticket}/acts`, { do: 'finish', ending: { result, note } }),
  /** Leads the number's video call from this window. */
  lead: (ticket: string) => api.post<{ record: string }>(at`/api/tickets/${ticket}/call`),
}
