"""SDP as Chromium 156 writes it, shortened to what differs in kind."""

FINGERPRINT = ":".join(f"{n:02X}" for n in range(32))
_TRANSPORT = f"""c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:9YWv
a=ice-pwd:1xTA4hPVvzKJ2raHXQhj26Yu
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
"""
CHROMIUM_OFFER = f"""v=0
o=- 2433780191074625593 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0
{_TRANSPORT}a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:- a40c9e7f-0714-4f1c-8917-d0450964a6fa
a=rtcp-mux
a=rtcp-rsize
a=rtcp-xr:rcvr-rtt=all
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=ssrc:2079753891 cname:QO4L9MoHz0UMUkAa
m=video 9 UDP/TLS/RTP/SAVPF 98 96 97 102
{_TRANSPORT}a=mid:1
a=extmap:13 urn:3gpp:video-orientation
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:- 317b5178-0505-4cb4-bca1-bcb5bb069fd9
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:98 VP9/90000
a=rtcp-fb:98 nack
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=ssrc-group:FID 2090539755 903635514
a=ssrc:2090539755 cname:QO4L9MoHz0UMUkAa
a=ssrc:903635514 cname:QO4L9MoHz0UMUkAa
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
{_TRANSPORT}a=mid:2
a=sctp-port:5000
a=max-message-size:262144
""".replace("\n", "\r\n")

BASELINE = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"


def h264_only(*parameters: str) -> str:
    """The browser's offer if it had only these kinds of H.264."""
    types = [str(100 + 2 * n) for n in range(len(parameters))]
    offer = CHROMIUM_OFFER.replace("SAVPF 98 96 97 102", f"SAVPF {' '.join(types)} 97").replace("apt=96", "apt=100")
    lines = [line for line in offer.split("\r\n") if not any(f":{n} " in line for n in (96, 98, 102))]
    at = lines.index("a=rtpmap:97 rtx/90000")
    for payload_type, text in zip(types, parameters, strict=True):
        feedback = [f"a=rtcp-fb:{payload_type} {kind}" for kind in ("nack", "nack pli", "transport-cc")]
        lines[at:at] = [f"a=rtpmap:{payload_type} H264/90000", *feedback, f"a=fmtp:{payload_type} {text}"]
    return "\r\n".join(lines)
