/** How good the line is, from `RTCPeerConnection.getStats` (W3C webrtc-stats), in three words a person understands. */

export type Level = 'good' | 'fair' | 'weak'

export interface Quality {
  level: Level
  /** What is sent or received, and what the estimator believes possible (sending only). */
  kbps: number
  kbpsPossible: number | null
  lossPercent: number
  roundTripMs: number | null
  width: number | null
  height: number | null
  framesPerSecond: number | null
}

// Good from 750 kbit/s and at most 5 % loss; weak under 60 kbit/s or over 33 %: 320–530 kbit/s did in practice.
export function levelOf(kbps: number, lossPercent: number): Level {
  if (kbps < 60 || lossPercent > 33) return 'weak'
  return kbps >= 750 && lossPercent <= 5 ? 'good' : 'fair'
}

interface Entry {
  id: string
  type: string
  kind?: string
  timestamp: number
  bytesSent?: number
  bytesReceived?: number
  packetsLost?: number
  packetsReceived?: number
  fractionLost?: number
  roundTripTime?: number
  currentRoundTripTime?: number
  availableOutgoingBitrate?: number
  nominated?: boolean
  state?: string
  frameWidth?: number
  frameHeight?: number
  framesPerSecond?: number
}

export function readQuality(
  now: RTCStatsReport,
  before: RTCStatsReport | null,
  direction: 'outbound-rtp' | 'inbound-rtp',
): Quality | null {
  let bits = 0
  let seconds = 0
  let possible: number | null = null
  let loss = 0
  let lost = 0
  let received = 0
  let roundTrip: number | null = null
  let picture: Entry | null = null
  now.forEach((entry: Entry) => {
    const old = before?.get(entry.id) as Entry | undefined
    if (entry.type === direction && old) {
      bits += 8 * ((entry.bytesSent ?? entry.bytesReceived ?? 0) - (old.bytesSent ?? old.bytesReceived ?? 0))
      seconds = Math.max(seconds, (entry.timestamp - old.timestamp) / 1000)
      lost += (entry.packetsLost ?? 0) - (old.packetsLost ?? 0)
      received += (entry.packetsReceived ?? 0) - (old.packetsReceived ?? 0)
    }
    if (entry.type === direction && entry.kind === 'video' && (entry.frameWidth ?? 0) > (picture?.frameWidth ?? 0))
      picture = entry
    if (entry.type === 'remote-inbound-rtp') {
      loss = Math.max(loss, (entry.fractionLost ?? 0) * 100)
      if (entry.roundTripTime !== undefined) roundTrip = entry.roundTripTime * 1000
    }
    if (entry.type === 'candidate-pair' && entry.nominated && entry.state === 'succeeded') {
      if (entry.availableOutgoingBitrate) possible = entry.availableOutgoingBitrate / 1000
      if (entry.currentRoundTripTime !== undefined) roundTrip ??= entry.currentRoundTripTime * 1000
    }
  })
  if (!seconds) return null
  const kbps = bits / 1000 / seconds
  if (direction === 'inbound-rtp') loss = received + lost > 0 ? Math.max(0, (100 * lost) / (received + lost)) : 0
  const shown = picture as Entry | null
  return {
    // A still picture needs few bits: what is possible tells more than what is sent. Received media are judged by loss alone.
    level: direction === 'inbound-rtp' ? levelOf(750, loss) : levelOf(possible ?? kbps, loss),
    kbps: Math.round(kbps),
    kbpsPossible: possible === null ? null : Math.round(possible),
    lossPercent: Math.round(loss * 10) / 10,
    roundTripMs: roundTrip === null ? null : Math.round(roundTrip),
    width: shown?.frameWidth ?? null,
    height: shown?.frameHeight ?? null,
    framesPerSecond: shown?.framesPerSecond ?? null,
  }
}
