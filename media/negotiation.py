"""From a browser's SDP to what the worker takes of it: the rules between text and connection, without I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from media import h264, sdp
from media.contract import Kind
from media.dtls import Fingerprint
from recordings.journal import Codec


class Refusal(Exception):
    """The request cannot be carried out; ``code`` is stable."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class TrackLine:
    """One accepted m-line of a publisher."""

    mid: str
    kind: Kind
    codec: Codec
    payload_type: int
    clock_rate: int
    ssrcs: tuple[int, ...]
    repair_type: int | None = None  # payload type of its RTX stream (RFC 4588), if it has one


@dataclass(frozen=True, slots=True)
class Offer:
    """A publisher's offer as the worker takes it."""

    medias: list[sdp.Media]
    lines: list[TrackLine]
    codecs: dict[str, sdp.Codec]
    fingerprints: list[Fingerprint]

    def answer(self, local: sdp.Local) -> str:
        """The answer's SDP."""
        return sdp.publish_answer(self.medias, self.codecs, local)

    def extension(self, uri: str) -> int:
        """Id of a header extension on the accepted lines (one for the whole bundle, RFC 8843 §9.1); 0 if not there."""
        accepted = (media for media in self.medias if media.mid in self.codecs)
        return next((media.extensions[uri] for media in accepted if uri in media.extensions), 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A viewer's answer: its transport, the codecs it can be sent, and whether packets can tell it to wait."""

    transport: sdp.Media
    codecs: frozenset[str]
    waits: bool


def read_offer(text: str, kinds: Mapping[str, Kind]) -> Offer:
    """Take the m-lines named in ``kinds`` (by mid).

    Raises Refusal: bad_sdp, wrong_kind, no_codec, nothing_to_receive.
    """
    try:
        medias = sdp.parse(text)
        transport = sdp.transport_of(medias)
    except sdp.SdpError as error:
        raise Refusal("bad_sdp", str(error)) from None
    if transport.setup == "passive":
        raise Refusal("bad_sdp", "the browser must be able to begin DTLS")
    lines: list[TrackLine] = []
    codecs: dict[str, sdp.Codec] = {}
    for media in medias:
        kind = kinds.get(media.mid)
        if kind is None or not media.port or media.direction not in ("sendonly", "sendrecv"):
            continue
        if (kind == "audio") != (media.kind == "audio") or media.kind not in ("audio", "video"):
            raise Refusal("wrong_kind", f"m-line {media.mid} does not carry {kind}")
        name, codec = _chosen(media)
        codecs[media.mid] = codec
        repair = media.repair_of(codec)
        lines.append(
            TrackLine(
                *(media.mid, kind, name, codec.payload_type, codec.clock_rate, tuple(media.ssrcs)),
                repair.payload_type if repair else None,
            )
        )
    if not lines:
        raise Refusal("nothing_to_receive", "no m-line of the offer sends a named track")
    if len({line.kind for line in lines}) != len(lines):
        raise Refusal("wrong_kind", "two m-lines of one kind")
    return Offer(medias, lines, codecs, transport.fingerprints)


def _chosen(media: sdp.Media) -> tuple[Codec, sdp.Codec]:
    """Opus; VP8, or H.264 where a browser has no VP8. Raises Refusal: no_codec."""
    wanted: tuple[Codec, int] = ("opus", 48_000) if media.kind == "audio" else ("VP8", 90_000)
    codec = media.codec(wanted[0])
    if codec is not None and codec.clock_rate == wanted[1]:
        return wanted[0], codec
    second = h264.takeable(media.codecs.values()) if media.kind == "video" else None
    if second is None:
        raise Refusal("no_codec", f"m-line {media.mid} offers no {wanted[0]}")
    return "H264", second


def read_restart(text: str, lines: Sequence[TrackLine], fingerprints: Sequence[Fingerprint]) -> Offer:
    """Take an offer that may change ICE credentials and nothing else. Raises Refusal, also: not_a_restart."""
    offer = read_offer(text, {line.mid: line.kind for line in lines})
    if [(x.mid, x.payload_type) for x in offer.lines] != [(x.mid, x.payload_type) for x in lines]:
        raise Refusal("not_a_restart", "the tracks have changed: publish anew")
    check_same_browser(fingerprints, offer.fingerprints)
    return offer


def read_answer(text: str) -> Answer:
    """A viewer's answer to the one offer. Raises Refusal: bad_sdp."""
    try:
        medias = sdp.parse_subscribe_answer(text)
        return Answer(sdp.transport_of(medias), sdp.codecs_taken(medias), sdp.waits_when_told(medias))
    except sdp.SdpError as error:
        raise Refusal("bad_sdp", str(error)) from None


def check_same_browser(known: Sequence[Fingerprint], given: Sequence[Fingerprint]) -> None:
    """An ICE restart keeps the DTLS connection, hence the certificate. Raises Refusal: other_certificate."""
    if not set(known) & set(given):
        raise Refusal("other_certificate", "an ICE restart must come from the same browser: connect anew")
