// Runs in the phone's page before its own code, and only watches. It keeps what the browser itself says it sent
// (peer connections for getStats) and, from copies of the captured tracks, the moments at which flash and beep were
// captured: emulated cameras run late on busy machines, and that must not count as the product's delay. Nor must this
// page's own lateness in reading them, so a moment is the capture's stamp; the reading that came soonest after its stamp
// tells where the stamps lie on the wall clock.
(() => {
  const witness = (window.rehearsal = { peers: [], flashes: [], beeps: [] })
  const now = () => performance.timeOrigin + performance.now()

  const Original = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Original {
    constructor(...all) {
      super(...all)
      witness.peers.push(this)
    }
  }

  const stampsOf = (moments) => {
    const stamps = { moments: [], wallAhead: Infinity }
    moments.push(stamps)
    return {
      seen: (stampMs, wall) => (stamps.wallAhead = Math.min(stamps.wallAhead, wall - stampMs)),
      keep: (stampMs) => stamps.moments.push(stampMs),
    }
  }
  const onTheWall = (moments) => moments.flatMap((one) => one.moments.map((stampMs) => stampMs + one.wallAhead))

  async function read(track, each) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader()
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      try {
        await each(value)
      } finally {
        value.close()
      }
    }
  }

  function watchPicture(track) {
    let lit = true
    const stamps = stampsOf(witness.flashes)
    void read(track, async (frame) => {
      const stampMs = frame.timestamp / 1000
      stamps.seen(stampMs, now())
      const rect = { x: 64, y: (Math.floor(frame.codedHeight * 0.9) >> 1) << 1, width: 16, height: 2 }
      const bytes = new Uint8Array(frame.allocationSize({ rect }))
      await frame.copyTo(bytes, { rect })
      const luma = bytes.subarray(0, 32).reduce((sum, value) => sum + value, 0) / 32
      if (luma > 200 && !lit) stamps.keep(stampMs)
      lit = luma > 200
    })
  }

  function watchSound(track) {
    let quietMs = 0
    const stamps = stampsOf(witness.beeps)
    void read(track, (sound) => {
      const stampMs = sound.timestamp / 1000
      const samples = new Float32Array(sound.numberOfFrames)
      sound.copyTo(samples, { planeIndex: 0, format: 'f32-planar' })
      const lengthMs = (sound.numberOfFrames / sound.sampleRate) * 1000
      stamps.seen(stampMs, now() - lengthMs)
      const level = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length)
      if (level > 0.02 && quietMs >= 300) stamps.keep(stampMs)
      quietMs = level > 0.02 ? 0 : quietMs + lengthMs
    })
  }

  const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = async (...all) => {
    const stream = await getUserMedia(...all)
    for (const track of stream.getTracks()) (track.kind === 'video' ? watchPicture : watchSound)(track.clone())
    return stream
  }

  witness.report = async () => {
    const sent = []
    for (const peer of witness.peers)
      for (const report of (await peer.getStats()).values())
        if (report.type === 'outbound-rtp' && report.kind === 'video')
          sent.push({
            frames: report.framesSent,
            ssrc: report.ssrc,
            keyframes: report.keyFramesEncoded,
            width: report.frameWidth,
            height: report.frameHeight,
          })
    return { sent, flashes: onTheWall(witness.flashes), beeps: onTheWall(witness.beeps) }
  }
})()
