"""SDP: within limits, whole or refused; offers and answers say exactly what the worker does."""

import contextlib

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from media import sdp
from media.contract import SLOT_MIDS
from media.dtls import Fingerprint
from media.negotiation import Refusal, read_answer, read_offer, read_restart
from tests.support.offers import BASELINE, CHROMIUM_OFFER, FINGERPRINT, h264_only

LOCAL = sdp.Local("ufrag123", "password-of-24-characters", Fingerprint("sha-256", FINGERPRINT), ["192.0.2.1"], 8490)
STREAMS = {mid: 1000 + place for place, mid in enumerate(SLOT_MIDS)}
KINDS = {"0": "audio", "1": "camera"}


def answered() -> str:
    return read_offer(CHROMIUM_OFFER, KINDS).answer(LOCAL)  # type: ignore[arg-type]


def chosen(offer: str) -> str:
    """A viewer's answer to the offer, in our own words."""
    return (
        offer.replace("a=setup:actpass", "a=setup:active")
        .replace("a=sendonly", "a=recvonly")
        .replace("a=ice-lite\r\n", "")
    )


def test_a_browsers_offer_is_understood() -> None:
    audio, video, data = sdp.parse(CHROMIUM_OFFER)
    assert (audio.kind, audio.mid, audio.direction, audio.setup) == ("audio", "0", "sendonly", "actpass")
    assert audio.codecs[111].name == "opus" and audio.codecs[111].clock_rate == 48_000
    assert video.codec("vp8") is video.codecs[96] and "nack pli" in video.codecs[96].feedback
    assert video.extensions[sdp.TRANSPORT_CC_URI] == 3 and video.ssrcs == [2090539755, 903635514]
    assert data.kind == "application" and data.fingerprints == [Fingerprint("sha-256", FINGERPRINT)]


def test_the_answer_takes_one_codec_a_line_with_its_repair_stream_and_refuses_data_channels() -> None:
    answer = answered()
    lines = [line for line in answer.split("\r\n") if line.startswith("m=")]
    assert lines == [
        "m=audio 8490 UDP/TLS/RTP/SAVPF 111",
        "m=video 8490 UDP/TLS/RTP/SAVPF 96 97",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    assert "a=group:BUNDLE 0 1\r\n" in answer and answer.count("a=recvonly") == 2
    assert "useinbandfec=1;usedtx=0" in answer
    assert "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" in answer
    assert "a=fmtp:96 x-google-min-bitrate=200\r\n" in answer
    for unwanted in ("video-orientation", "goog-remb", "sendrecv"):
        assert unwanted not in answer
    for wanted in ("a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 transport-cc", "a=rtcp-fb:111 nack", "a=ice-lite"):
        assert wanted in answer


def test_the_answer_names_udp_and_passive_tcp_on_one_port() -> None:
    candidates = [line for line in answered().split("\r\n") if line.startswith("a=candidate")]
    assert candidates[0].endswith("192.0.2.1 8490 typ host") and " udp " in candidates[0]
    assert candidates[1].endswith("192.0.2.1 8490 typ host tcptype passive")


def test_the_one_offer_has_every_slot_and_names_its_stream() -> None:
    offer = sdp.subscribe_offer(LOCAL, STREAMS)
    medias = sdp.parse(offer, media_max=18)
    assert tuple(media.mid for media in medias) == SLOT_MIDS
    assert [media.kind for media in medias] == ["audio"] * 6 + ["video"] * 12
    assert {media.mid: media.ssrcs for media in medias} == {mid: [ssrc] for mid, ssrc in STREAMS.items()}
    assert f"a=ssrc:{STREAMS['v3']} cname:s3" in offer and offer.count(sdp.MID_URI) == 18
    assert "a=msid:s3 a3" in offer and "a=msid:s3 v3" in offer, "sound and picture of a seat share a stream"
    assert len(SessionDescription.parse(offer).media) == 18


def test_an_answer_to_the_one_offer_is_taken() -> None:
    told = read_answer(chosen(sdp.subscribe_offer(LOCAL, STREAMS)))
    transport = told.transport
    assert told.codecs == {"opus", "VP8", "H264"}
    assert transport.setup == "active" and transport.fingerprints[0].value == FINGERPRINT


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.replace("a=mid:a3", "a=mid:b3"),
        lambda a: a.replace("m=video 8490 UDP/TLS/RTP/SAVPF 96 102", "m=video 8490 UDP/TLS/RTP/SAVPF 98"),
        lambda a: a.replace("a=setup:active", "a=setup:actpass"),
        lambda a: a.replace(f"a=extmap:4 {sdp.MID_URI}\r\n", ""),
        lambda a: a.replace(f"a=fingerprint:sha-256 {FINGERPRINT}\r\n", ""),
        lambda a: "",
    ],
)
def test_an_answer_that_does_not_fit_is_refused(change: object) -> None:
    with pytest.raises(Refusal) as refusal:
        read_answer(change(chosen(sdp.subscribe_offer(LOCAL, STREAMS))))  # type: ignore[operator]
    assert refusal.value.code == "bad_sdp"


@pytest.mark.parametrize(
    ("change", "kinds", "code"),
    [
        (lambda o: o + "a=x:" + "y" * 70_000, KINDS, "bad_sdp"),
        (lambda o: o + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{}\r\n" * 6, KINDS, "bad_sdp"),
        (lambda o: o + "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n" * 41, KINDS, "bad_sdp"),
        (lambda o: o.replace("a=mid:1", "a=mid:0"), KINDS, "bad_sdp"),
        (lambda o: o.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), KINDS, "bad_sdp"),
        (lambda o: o.replace("a=setup:actpass", "a=setup:passive"), KINDS, "bad_sdp"),
        (lambda o: o.replace("VP8", "VP9"), KINDS, "no_codec"),
        (lambda o: o, {"0": "camera"}, "wrong_kind"),
        (lambda o: o, {"2": "camera"}, "wrong_kind"),
        (lambda o: o, {}, "nothing_to_receive"),
        (lambda o: o.replace("a=sendonly", "a=recvonly"), KINDS, "nothing_to_receive"),
    ],
)
def test_an_offer_beyond_the_limits_or_without_use_is_refused(change: object, kinds: object, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_offer(change(CHROMIUM_OFFER), kinds)  # type: ignore[operator, arg-type]
    assert refusal.value.code == code


def test_a_bundle_only_line_is_not_refused() -> None:
    offer = CHROMIUM_OFFER.replace("m=video 9", "m=video 0").replace("a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n")
    assert [line.kind for line in read_offer(offer, KINDS).lines] == ["audio", "camera"]  # type: ignore[arg-type]


def test_session_level_values_hold_for_every_line() -> None:
    fingerprint = f"a=fingerprint:sha-256 {FINGERPRINT}\r\n"
    offer = CHROMIUM_OFFER.replace(fingerprint, "").replace("t=0 0\r\n", "t=0 0\r\n" + fingerprint)
    assert read_offer(offer, KINDS).fingerprints == [Fingerprint("sha-256", FINGERPRINT)]  # type: ignore[arg-type]


def test_a_restart_must_be_the_same_browser_with_the_same_tracks() -> None:
    first = read_offer(CHROMIUM_OFFER, KINDS)  # type: ignore[arg-type]
    again = CHROMIUM_OFFER.replace("a=ice-ufrag:9YWv", "a=ice-ufrag:new4")
    assert read_restart(again, first.lines, first.fingerprints).lines == first.lines
    other = again.replace(FINGERPRINT, FINGERPRINT[::-1])
    for offer, code in ((other, "other_certificate"), (again.replace("a=mid:1", "a=mid:7"), "not_a_restart")):
        with pytest.raises(Refusal) as refusal:
            read_restart(offer, first.lines, first.fingerprints)
        assert refusal.value.code == code


def test_a_browser_with_vp8_and_h264_is_asked_for_vp8() -> None:
    offer = CHROMIUM_OFFER.replace(
        "a=rtpmap:102 H264/90000\r\n", f"a=rtpmap:102 H264/90000\r\na=fmtp:102 {BASELINE}\r\n"
    )
    assert [line.codec for line in read_offer(offer, KINDS).lines] == ["opus", "VP8"]  # type: ignore[arg-type]


def test_a_browser_that_has_only_h264_is_taken_with_its_repair_stream() -> None:
    taken = read_offer(h264_only(BASELINE), KINDS)  # type: ignore[arg-type]
    video = taken.lines[1]
    assert (video.codec, video.payload_type, video.repair_type) == ("H264", 100, 97)
    answer = taken.answer(LOCAL)
    assert "m=video 8490 UDP/TLS/RTP/SAVPF 100 97\r\n" in answer and "VP8" not in answer
    told = sdp.parse(answer)[1].codecs[100]
    assert told.name == "H264" and "nack pli" in told.feedback
    assert told.parameters == {
        "level-asymmetry-allowed": "1",
        "packetization-mode": "1",
        "profile-level-id": "42e01f",
        "x-google-min-bitrate": "200",
    }


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (("packetization-mode=1;profile-level-id=42001f", BASELINE), 102),
        (("packetization-mode=1;profile-level-id=640c1f", BASELINE), 102),
        (("packetization-mode=0;profile-level-id=42e01f", "packetization-mode=1;profile-level-id=42C02A"), 102),
        (("packetization-mode=1;profile-level-id=42001f",), 100),
        (("packetization-mode=1;profile-level-id=4de01f",), 100),
        (("packetization-mode=1",), 100),
        (("packetization-mode=1;profile-level-id=640c1f",), None),
        (("packetization-mode=1;profile-level-id=4d401f",), None),
        (("packetization-mode=0;profile-level-id=42e01f",), None),
        (("profile-level-id=42e01f",), None),
        (("packetization-mode=1;profile-level-id=42e0",), None),
        (("packetization-mode=1;profile-level-id=zze01f",), None),
    ],
)
def test_of_h264_what_every_viewer_decodes_is_taken(offered: tuple[str, ...], taken: int | None) -> None:
    if taken is not None:
        assert read_offer(h264_only(*offered), KINDS).lines[1].payload_type == taken  # type: ignore[arg-type]
        return
    with pytest.raises(Refusal) as refusal:
        read_offer(h264_only(*offered), KINDS)  # type: ignore[arg-type]
    assert refusal.value.code == "no_codec"


def test_a_viewer_is_sent_only_what_its_answer_takes() -> None:
    offer = chosen(sdp.subscribe_offer(LOCAL, STREAMS))
    assert "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" in offer
    without = offer.replace("SAVPF 96 102", "SAVPF 96")
    assert read_answer(without).codecs == {"opus", "VP8"}
    assert read_answer(offer.replace("SAVPF 96 102", "SAVPF 102")).codecs == {"opus", "H264"}
    assert read_answer(offer.replace("SAVPF 96 102", "SAVPF 96", 1)).codecs == {"opus", "VP8"}


@given(st.text(max_size=300))
def test_arbitrary_text_raises_nothing_but_our_own_error(text: str) -> None:
    for candidate in (text, "v=0\r\n" + text):
        with contextlib.suppress(sdp.SdpError):
            sdp.parse(candidate)


@given(st.data())
def test_a_damaged_offer_is_read_or_refused(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from([CHROMIUM_OFFER, h264_only(BASELINE, BASELINE)])).split("\r\n")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, 40))
        junk = data.draw(st.sampled_from(["", " ", ":", "/", "\0", "999999999999999999999", "²", "=", lines[place]]))
        lines[place] = lines[place][:cut] + junk
    with contextlib.suppress(Refusal):
        read_offer("\r\n".join(lines), KINDS).answer(LOCAL)  # type: ignore[arg-type]
