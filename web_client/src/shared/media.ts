/** Everything about cameras, microphones and peer connections; see the files of media/. */
export * from './media/devices'
export type { LinkState } from './media/link'
export * from './media/photo'
export * from './media/publish'
export * from './media/quality'
export * from './media/subscribe'
export * from './media/wake_lock'
