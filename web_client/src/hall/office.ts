/** Whose hall the open page belongs to: of the number or the matter that is shown, else the office above all. */
import { ref, shallowRef } from 'vue'

import type { CallOpened, GuideCard, GuidePage, Level, OfficeCard, RatingRequest, Taken, TakeRequest, TicketPage } from '../schemas/api'
import { api, at } from '../shared/api'
import { deviceId } from '../shared/device'

export const office = shallowRef<OfficeCard | null>(null)
/** The bar on top: the page's own requests, and what its live line says. */
export const bar = ref<'offline' | 'reconnecting' | null>(null)

const place = (here: GeolocationCoordinates | null): string => (here ? at`?lat=${here.latitude}&lon=${here.longitude}` : '')

export const hall = {
  home: () => api.get<OfficeCard>('/api/hall'),
  find: (words: string) => api.get<GuideCard[]>(at`/api/hall/guides?q=${words}`),
  guide: (slug: string, here: GeolocationCoordinates | null) => api.get<GuidePage>(at`/api/hall/guides/${slug}` + place(here)),
  take: (wanted: TakeRequest) => api.post<Taken>('/api/hall/tickets', wanted),
  ticketPath: (token: string) => at`/api/hall/tickets/${token}`,
  act: (token: string, what: string) => api.post<TicketPage>(at`/api/hall/tickets/${token}/acts`, { do: what }),
  /** The page of the number's video call, opened on this device. */
  call: (token: string) => api.post<CallOpened>(at`/api/hall/tickets/${token}/call`, { device: deviceId() }),
  levels: () => api.get<Level[]>('/api/hall/rating'),
  rate: (token: string, given: RatingRequest) => api.post<TicketPage>(at`/api/hall/tickets/${token}/rating`, given),
}
