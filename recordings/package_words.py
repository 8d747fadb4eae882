"""The text that lies in every package, for whoever opens it without knowing this product."""

from recordings.package_verdict import SHEETS
from signing.report import Kind

_TITLES: dict[Kind, str] = {
    "inspection": "远程视频勘验案卷 / Record of a remote video inspection",
    "help": "视频帮办案卷 / Record of video help",
}


def readme(kind: str) -> str:
    """For a record of this kind (inspection, help)."""
    known: Kind = "help" if kind == "help" else "inspection"
    return f"{_TITLES[known]}\n{_README.replace('{sheet}', SHEETS[known])}"


def kind_in(text: str) -> Kind:
    """The kind of the record in whose package this text lies; it names things and proves nothing."""
    return next((kind for kind, title in _TITLES.items() if text.startswith(title)), "inspection")


_README = """
这个文件夹自己证明自己。用“远勘”的核验页面或命令 yuankan verify 可以核对全部内容，不需要联网。
This folder proves itself. The verification page of Yuankan, or `yuankan verify`, checks all of it without a network.

data/recordings/*.webm   每个人每次连接的录像（VP8、Opus），任何播放器都能播放
                         recordings, one per person and connection; any player plays them
data/recordings/*.mp4    同上，手机只能发送H.264时 / the same where a phone could send nothing but H.264
data/recordings/*.json   录像每一段的SHA-256 / SHA-256 of each cluster of the recording
data/events.jsonl        发生的每件事，逐条相连 / everything that happened, chained
data/manifest.json       录了什么、没录什么，以及全部内容的总哈希
                         what was recorded, what was not, and the hash over all of it
data/report.pdf          签名盖章的{sheet} / the signed and sealed sheet
data/photos/             照片原件 / photographs as they arrived
data/files/              通话中互发的文件 / files sent in the call, as they arrived
data/trust/              证书和时间戳 / certificates and time stamps (RFC 3161)

不用本产品也能核对 / Without this product:
  sha256sum -c manifest-sha256.txt
  openssl ts -verify -in data/trust/manifest-N.tst -token_in -data data/trust/manifest-N.json -CAfile 时间戳证书.pem
  pdfsig data/report.pdf

每条事件：hash = SHA-256(record|seq|at|actor|tag|media_time_ns|media_error_ns|body_hash|prev_hash)，
body_hash = SHA-256(salt ‖ body_text)。
录像：chain(0) = SHA-256(line)，chain(n) = SHA-256(chain(n-1) ‖ SHA-256(cluster n))。
Events and clusters are chained by these two formulas.
"""
