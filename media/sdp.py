"""Session descriptions (RFC 8866, RFC 8829) read within limits, and the two kinds the worker writes.

A publishing browser offers and is answered; a viewing browser gets one offer with every slot it will ever have. Remote
candidates are not even read: an ICE-lite worker never sends to an address that has not checked in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from media.contract import AUDIO_SLOTS, SLOT_MIDS
from media.dtls import Fingerprint

TEXT_MAX = 64 * 1024  # bytes; a browser's offer with camera, screen and microphone has 8 KB
LINES_MAX = 4000
OFFER_MEDIA_MAX = 8
CANDIDATES_MAX = 40  # 2,000 candidates cost a stock parser 0.7 s

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
TRANSPORT_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
# Payload types of the worker's own offer: Chromium's usual ones. H.264 is for what a browser sends that has no VP8.
PAYLOAD_TYPES = {"opus": 111, "VP8": 96, "H264": 102}
MID_IDENTIFIER, PLAYOUT_DELAY_IDENTIFIER = 4, 5  # header extensions of the worker's own offer
# In-band FEC repairs single losses in the recording too; without DTX every 20 ms has a packet, so a gap is a loss.
_OPUS_PARAMETERS = "minptime=10;useinbandfec=1;usedtx=0"
# Constrained baseline, which every browser with H.264 decodes (RFC 7742 §6.2); senders may exceed the level.
_H264_PARAMETERS = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
_OFFERED = {"opus": _OPUS_PARAMETERS, "VP8": "", "H264": _H264_PARAMETERS}
_RTPMAPS = {"opus": "opus/48000/2", "vp8": "VP8/90000", "h264": "H264/90000"}
# kbit/s that a browser's estimator does not go below (those of the Chromium family read it; others pass it over). At
# 15 % of packets lost it goes down to 30 otherwise, which is five pictures a second; what is lost is sent again, and a
# line that carries 300 still carries this with sound and repairs.
_FLOOR = "x-google-min-bitrate=200"
_PARAMETERS_MAX = 16  # format parameters of one codec that are read


class SdpError(ValueError):
    """The description is broken, too large or not one this worker can serve."""


@dataclass(slots=True)
class Codec:
    payload_type: int
    name: str = ""
    clock_rate: int = 0
    repairs: int | None = None  # of an RTX stream: the payload type it sends again (RFC 4588 §8.6)
    feedback: set[str] = field(default_factory=set)
    parameters: dict[str, str] = field(default_factory=dict)  # of its fmtp lines, names in lower case


@dataclass(slots=True)
class Media:
    """One m-line with what applies to it, session-level values filled in."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    mid: str = ""
    direction: str = "sendrecv"
    ufrag: str = ""
    password: str = ""
    setup: str = ""
    fingerprints: list[Fingerprint] = field(default_factory=list)
    codecs: dict[int, Codec] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    ssrcs: list[int] = field(default_factory=list)
    reduced_size: bool = False

    def codec(self, name: str) -> Codec | None:
        """The first codec of this name, in the peer's order of preference."""
        return next((c for c in self.codecs.values() if c.name.lower() == name.lower()), None)

    def repair_of(self, codec: Codec) -> Codec | None:
        """The RTX codec that repeats lost packets of ``codec``, if the peer offers one."""
        rtx = (c for c in self.codecs.values() if c.name.lower() == "rtx" and c.clock_rate == codec.clock_rate)
        return next((c for c in rtx if c.repairs == codec.payload_type), None)


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of a connection, as SDP tells it: addresses are where browsers reach the worker."""

    ufrag: str
    password: str
    fingerprint: Fingerprint
    addresses: Sequence[str]
    port: int


def parse(text: str, *, media_max: int = OFFER_MEDIA_MAX) -> list[Media]:
    """The m-lines of a description. Raises SdpError for whatever is malformed or beyond the limits."""
    if len(text) > TEXT_MAX or len(text.encode(errors="replace")) > TEXT_MAX:
        raise SdpError("longer than 64 KB")
    lines = text.splitlines()
    if not lines or lines[0] != "v=0" or len(lines) > LINES_MAX:
        raise SdpError("not a session description")
    session = Media("session", 0, "", [])
    medias: list[Media] = []
    candidates = 0
    for line in lines[1:]:
        if line.startswith("m="):
            if len(medias) == media_max:
                raise SdpError(f"more than {media_max} m-lines")
            medias.append(_media(line, session))
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            if name == "candidate":
                candidates += 1
                if candidates > CANDIDATES_MAX:
                    raise SdpError("too many candidates")
            else:
                _attribute(medias[-1] if medias else session, name, value)
    _check(medias)
    return medias


def _media(line: str, session: Media) -> Media:
    parts = line[2:].split()
    if len(parts) < 4 or not _is_number(parts[1].partition("/")[0]):
        raise SdpError("broken m-line")
    kind, port, protocol, *formats = parts
    media = Media(kind, int(port.partition("/")[0]), protocol, formats)
    media.direction, media.setup = session.direction, session.setup
    media.ufrag, media.password = session.ufrag, session.password
    media.fingerprints = list(session.fingerprints)
    if kind in ("audio", "video"):
        for payload_type in formats:
            if not _is_number(payload_type) or int(payload_type) > 127:
                raise SdpError("broken payload type")
            media.codecs[int(payload_type)] = Codec(int(payload_type))
    return media


def _attribute(media: Media, name: str, value: str) -> None:
    if name == "mid":
        media.mid = value
    elif name in ("sendrecv", "sendonly", "recvonly", "inactive"):
        media.direction = name
    elif name == "ice-ufrag":
        media.ufrag = value
    elif name == "ice-pwd":
        media.password = value
    elif name == "setup":
        media.setup = value
    elif name == "rtcp-rsize":
        media.reduced_size = True
    elif name == "bundle-only" and media.port == 0:
        media.port = 9  # RFC 9143 §6: zero here does not refuse the line, its transport is the bundle's
    elif name == "fingerprint":
        algorithm, _, digest = value.partition(" ")
        media.fingerprints.append(Fingerprint(algorithm.lower(), digest.strip()))
    elif name == "extmap":
        head, _, uri = value.partition(" ")
        identifier = head.partition("/")[0]
        if _is_number(identifier):
            media.extensions[uri.split(" ")[0]] = int(identifier)
    elif name == "ssrc":
        ssrc = value.partition(" ")[0]
        if _is_number(ssrc) and int(ssrc) < 1 << 32 and int(ssrc) not in media.ssrcs[:16]:
            media.ssrcs.append(int(ssrc))
    elif name in ("rtpmap", "rtcp-fb", "fmtp"):
        head, _, rest = value.partition(" ")
        codec = media.codecs.get(int(head)) if _is_number(head) else None
        if codec is None:
            return
        if name == "fmtp":
            _parameters(codec, rest)
            return
        if name == "rtcp-fb":
            codec.feedback.add(rest.strip())
            return
        encoding = rest.split("/")
        if len(encoding) < 2 or not _is_number(encoding[1].strip()):
            raise SdpError("broken rtpmap")
        codec.name, codec.clock_rate = encoding[0], int(encoding[1])


def _parameters(codec: Codec, text: str) -> None:
    """A codec's format parameters, the first value of each."""
    for parameter in text.split(";")[:_PARAMETERS_MAX]:
        name, _, value = parameter.strip().partition("=")
        if len(codec.parameters) < _PARAMETERS_MAX and len(value) <= 32:
            codec.parameters.setdefault(name.lower(), value)
        if name == "apt" and _is_number(value):
            codec.repairs = int(value)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _check(medias: list[Media]) -> None:
    if not medias:
        raise SdpError("no m-line")
    mids = [media.mid for media in medias]
    if len(set(mids)) != len(mids) or not all(0 < len(m) <= 16 and m.isascii() and m.isalnum() for m in mids):
        raise SdpError("every m-line needs a mid of its own, 1 to 16 letters or digits")
    for media in medias:
        if media.kind in ("audio", "video") and media.port and media.protocol != "UDP/TLS/RTP/SAVPF":
            raise SdpError("media must go over DTLS-SRTP")


def transport_of(medias: Sequence[Media]) -> Media:
    """The m-line whose transport carries the bundle (RFC 9143 §7): the first that is not refused. Raises SdpError."""
    for media in medias:
        if media.port or media.direction != "inactive":
            if not media.fingerprints or media.setup not in ("active", "passive", "actpass"):
                raise SdpError("no certificate fingerprint or DTLS role")
            return media
    raise SdpError("every m-line is refused")


def publish_answer(offer: Sequence[Media], accepted: Mapping[str, Codec], local: Local) -> str:
    """Answer to a publishing browser: m-lines whose mid is in ``accepted`` are received with that codec, all others
    (data channels among them) are refused with port 0.
    """
    bundle = " ".join(media.mid for media in offer if media.mid in accepted)
    lines = _head(bundle)
    for media in offer:
        codec = accepted.get(media.mid)
        if codec is None:
            lines += [f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}", "c=IN IP4 0.0.0.0"]
            lines += [f"a=mid:{media.mid}", "a=inactive"]
            continue
        repair = media.repair_of(codec)
        types = f"{codec.payload_type} {repair.payload_type}" if repair else f"{codec.payload_type}"
        lines += [f"m={media.kind} {local.port} UDP/TLS/RTP/SAVPF {types}", "c=IN IP4 0.0.0.0"]
        lines += [f"a=mid:{media.mid}", "a=recvonly", "a=rtcp-mux"]
        lines += ["a=rtcp-rsize"] if media.reduced_size else []
        lines += _transport(local, "passive") + _candidates(local)
        lines += [f"a=extmap:{media.extensions[u]} {u}" for u in (MID_URI, TRANSPORT_CC_URI) if u in media.extensions]
        feedback = [f for f in ("nack", "nack pli", "transport-cc") if f in codec.feedback]
        if media.kind == "audio" and "nack" not in feedback:
            feedback.insert(0, "nack")  # not in Chromium's offer, yet it answers: lost sound is asked for again
        lines += _codec(codec.name, codec.payload_type, feedback, _answered(codec))
        if repair:
            lines += [f"a=rtpmap:{repair.payload_type} rtx/{repair.clock_rate}"]
            lines += [f"a=fmtp:{repair.payload_type} apt={codec.payload_type}"]
    return _text(lines)


def cname_of(mid: str) -> str:
    """Canonical name of what a slot plays (RFC 3550 §6.5.1): sound and picture of one seat have the same."""
    return f"s{mid[1:]}"


def subscribe_offer(local: Local, streams: Mapping[str, int]) -> str:
    """The one offer a viewer ever gets: all slots, each with the SSRC (by MID) of whatever it will play.

    Audio slot n and video slot n share a stream, so a browser keeps the lips of whoever is seated in both in sync;
    those of the Chromium family do so where the SSRC is named.
    """
    lines = _head(" ".join(SLOT_MIDS))
    for mid in SLOT_MIDS:
        kind = "audio" if mid.startswith("a") else "video"
        names = _codecs_of(mid)
        types = " ".join(str(PAYLOAD_TYPES[name]) for name in names)
        lines += [f"m={kind} {local.port} UDP/TLS/RTP/SAVPF {types}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}"]
        lines += ["a=sendonly", "a=rtcp-mux", "a=rtcp-rsize", f"a=msid:{cname_of(mid)} {mid}"]
        lines += [f"a=ssrc:{streams[mid]} cname:{cname_of(mid)}"]
        lines += _transport(local, "actpass")
        lines += _candidates(local) if mid == SLOT_MIDS[0] else []
        lines += [f"a=extmap:{MID_IDENTIFIER} {MID_URI}"]
        lines += [f"a=extmap:{PLAYOUT_DELAY_IDENTIFIER} {PLAYOUT_DELAY_URI}"] if kind == "video" else []
        feedback = ["nack"] if kind == "audio" else ["nack", "nack pli", "ccm fir"]
        for name in names:
            lines += _codec(name, PAYLOAD_TYPES[name], feedback, _OFFERED[name])
    return _text(lines)


def _codecs_of(mid: str) -> tuple[str, ...]:
    """What may play in a slot, best first."""
    return ("opus",) if mid in SLOT_MIDS[:AUDIO_SLOTS] else ("VP8", "H264")


def parse_subscribe_answer(text: str) -> list[Media]:
    """The answer to ``subscribe_offer``: the same m-lines in the same order. Raises SdpError."""
    medias = parse(text, media_max=len(SLOT_MIDS))
    if tuple(media.mid for media in medias) != SLOT_MIDS:
        raise SdpError("the answer does not fit the offer")
    for media in medias:
        taken = any(PAYLOAD_TYPES[name] in media.codecs for name in _codecs_of(media.mid))
        if media.port and (not taken or media.extensions.get(MID_URI) != MID_IDENTIFIER):
            raise SdpError("a slot was answered without its codec or the MID extension")
    if transport_of(medias).setup == "actpass":
        raise SdpError("an answer must choose its DTLS role")
    return medias


def codecs_taken(answer: Sequence[Media]) -> frozenset[str]:
    """Names of the codecs that a viewer takes in every slot that is not refused and that could have them."""
    open_slots = [media for media in answer if media.port]
    return frozenset(
        name
        for name, payload_type in PAYLOAD_TYPES.items()
        if all(payload_type in media.codecs for media in open_slots if name in _codecs_of(media.mid))
    )


def waits_when_told(answer: Sequence[Media]) -> bool:
    """Whether every picture that a viewer takes can be delayed by the packets themselves."""
    pictures = [media for media in answer if media.port and media.kind == "video"]
    return all(media.extensions.get(PLAYOUT_DELAY_URI) == PLAYOUT_DELAY_IDENTIFIER for media in pictures)


def _head(bundle: str) -> list[str]:
    head = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=ice-lite", f"a=group:BUNDLE {bundle}"]
    return [*head, "a=msid-semantic:WMS *"]


def _transport(local: Local, setup: str) -> list[str]:
    fingerprint = f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}"
    return [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}", fingerprint, f"a=setup:{setup}"]


def _candidates(local: Local) -> list[str]:
    """UDP first (RFC 8445 §5.1.2), and passive TCP on the same port for networks without UDP (RFC 6544)."""
    lines = []
    for place, address in enumerate(local.addresses):
        preference = 65535 - place
        udp = 126 << 24 | preference << 8 | 255
        tcp = 90 << 24 | preference << 8 | 255
        lines.append(f"a=candidate:{2 * place + 1} 1 udp {udp} {address} {local.port} typ host")
        lines.append(f"a=candidate:{2 * place + 2} 1 tcp {tcp} {address} {local.port} typ host tcptype passive")
    return [*lines, "a=end-of-candidates"]


def _codec(name: str, payload_type: int, feedback: Sequence[str], parameters: str) -> list[str]:
    lines = [f"a=rtpmap:{payload_type} {_RTPMAPS[name.lower()]}"]
    lines += [f"a=fmtp:{payload_type} {parameters}"] if parameters else []
    return lines + [f"a=rtcp-fb:{payload_type} {one}" for one in feedback]


def _answered(codec: Codec) -> str:
    """Format parameters of the answer that takes a codec; of H.264 the offer's own profile (RFC 6184 §8.2.2)."""
    if codec.name.upper() != "H264":
        return _OFFERED["opus"] if codec.name.lower() == "opus" else _FLOOR
    profile = codec.parameters.get("profile-level-id")
    known = [f"profile-level-id={profile}"] if profile else []
    if codec.parameters.get("level-asymmetry-allowed") == "1":
        known.insert(0, "level-asymmetry-allowed=1")
    return ";".join([*known, "packetization-mode=1", _FLOOR])


def _text(lines: Sequence[str]) -> str:
    return "\r\n".join(lines) + "\r\n"
