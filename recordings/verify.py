"""Judge a package offline: from the bytes in it to five verdicts that name what differs, down to the second.

Order of belief: the pinned certificates prove the time stamps; a stamp proves a manifest; the manifest proves the chain
of events and, by its chains, every cluster of every recording; events prove photographs and the sealed sheet; the sheet
proves its own signatures (`signing.verify`). The checksums of BagIt only find what broke on the way: whoever changes a
file can change its checksum too.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from office import events as office_events
from office.events import StoredEvent
from recordings import manifest as manifests
from recordings.chain import Chain
from recordings.container import suffix
from recordings.digests import digest_of
from recordings.epoch import EpochEntry
from recordings.export import ClusterHash, EpochIndex, EventLine
from recordings.manifest import Manifest
from recordings.mark_words import ROLES
from recordings.package_files import NotAPackage, PackageFiles
from recordings.package_verdict import PARTS, Finding, PackageVerdict, PartName, finding, moment, verdict
from recordings.package_words import kind_in
from signing import trust as signing_trust
from signing.report import HELP_ROLE_WORDS, Kind
from signing.trust import TrustBundle
from signing.verdict import NOTES, PdfVerdict
from signing.verify import verify_pdf

AHEAD = timedelta(minutes=5)  # clocks of two machines; a stamp further ahead is not believed
_SENT = ("data/photos/", "data/files/")  # what people sent, one file each
LARGEST_TEXT = 256 << 20  # bytes of events, manifests and indexes that are read whole
_PDF_UNFINISHED = frozenset({"V03", "V10", "V13"})  # a sheet that is still being signed; not a fault of anybody
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, ValueError, KeyError)


def verify_package(path: Path, now: datetime, trust: TrustBundle | None = None) -> PackageVerdict:
    """The verdict on a tar or folder. Blocking (about 1 s per GiB and 0.5 s for the sheet); never raises for bad input.

    `trust`: the certificates the office publishes; without it the package's own are used and the verdict says so.
    """
    found: dict[PartName, list[Finding]] = {name: [] for name in PARTS}
    try:
        files = PackageFiles(path)
    except (NotAPackage, OSError) as error:
        for findings in found.values():
            findings.append(finding("B01", object=str(error)))
        return verdict("", found, now)
    try:
        return _Package(files, now, trust, found).verdict()
    finally:
        files.close()


class _Package:
    """One package under judgement."""

    def __init__(
        self, files: PackageFiles, now: datetime, trust: TrustBundle | None, found: dict[PartName, list[Finding]]
    ) -> None:
        self.files, self.now, self.found = files, now, found
        self.names = set(files.names())
        self.manifest: Manifest | None = None
        self.events: list[StoredEvent] = []
        self.chains: dict[str, list[str]] = {}  # epoch: the chain's value after each cluster of the file
        self.trust = trust
        self.kind = self._kind()
        self.report: PdfVerdict | None = None

    def verdict(self) -> PackageVerdict:
        self._checksums()
        self._trust()
        self._events()
        self._manifest()
        if self.manifest is not None:
            for epoch in self.manifest.epochs:
                self._recording(epoch, self.manifest)
            if not self.manifest.epochs:
                self._say("recording", "B33")
        self._sent("photos", "photo", "photo:taken", "B13", "B14")
        self._sent("files", "file", "file:sent", "B20", "B21")
        if not any(name.startswith(_SENT) for name in self.names) and not self.found["photos"]:
            self._say("photos", "B34")
        self._report()
        self._stamps()
        record = self.manifest.record if self.manifest else ""
        percent = self.manifest.coverage.percent if self.manifest else None
        return verdict(record, self.found, self.now, percent, self.report, self.kind)

    def _say(self, part: PartName, code: str, **params: object) -> None:
        said = finding(code, kind=self.kind, **params)  # type: ignore[arg-type]  # object, at and at_ms by their names
        if said not in self.found[part]:
            self.found[part].append(said)

    def _kind(self) -> Kind:
        try:
            return kind_in(self._text("data/README.txt").decode())
        except (KeyError, ValueError):
            return "inspection"

    def _text(self, name: str) -> bytes:
        if self.files.size(name) > LARGEST_TEXT:
            raise ValueError(name)
        return self.files.read(name)

    # --- BagIt -------------------------------------------------------------------------------------------------------

    def _checksums(self) -> None:
        listed = {"manifest-sha256.txt", "tagmanifest-sha256.txt"}
        for list_name in ("tagmanifest-sha256.txt", "manifest-sha256.txt"):
            try:
                lines = self._text(list_name).decode().splitlines()
            except (KeyError, ValueError):
                self._say("recording", "B02", object=list_name)
                continue
            for line in lines:
                value, _, name = line.partition("  ")
                listed.add(name)
                if name not in self.names:
                    self._say(_part_of(name), "B02", object=name)
                elif self._sha256(name) != value:
                    self._say(_part_of(name), "B03", object=name)
        for name in sorted(self.names - listed):
            self._say(_part_of(name), "B04", object=name)

    def _sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        for piece in self.files.pieces(name):
            digest.update(piece)
        return digest.hexdigest()

    # --- what was said -----------------------------------------------------------------------------------------------

    def _trust(self) -> None:
        if self.trust is not None:
            return
        name = "data/trust/trust.json"
        try:
            self.trust = signing_trust.from_json(self._text(name))
            self._say("time", "B40")
        except _UNREADABLE:
            self._say("time", "B19", object=name)

    def _events(self) -> None:
        name = "data/events.jsonl"
        try:
            lines = [msgspec.json.decode(line, type=EventLine) for line in self._text(name).splitlines()]
            self.events = [_stored(line) for line in lines]
        except _UNREADABLE:
            self._say("recording", "B10", object=name)
            return
        checked = office_events.verify(self.events)
        if not checked.ok:
            self._say("recording", "B09", object=name, seq=checked.broken_seq)

    def _manifest(self) -> None:
        name = "data/manifest.json"
        try:
            data = self._text(name)
            self.manifest = manifest = manifests.from_json(data)
        except _UNREADABLE:
            self._say("recording", "B11", object=name)
            return
        head = manifests.head_of(manifest.epochs, manifest.events_seq, manifest.events_head)
        if manifests.to_json(manifest) != data or head != manifest.head:
            self._say("recording", "B11", object=name)
        told = self.events[manifest.events_seq - 1] if 0 < manifest.events_seq <= len(self.events) else None
        same = (told.hash if told else "") == manifest.events_head
        if not same or any(event.record != manifest.record for event in self.events):
            self._say("recording", "B10", object=name)

    # --- recordings --------------------------------------------------------------------------------------------------

    def _recording(self, epoch: EpochEntry, manifest: Manifest) -> None:
        if not epoch.closed:
            return  # still being packaged when the package was made; the manifest says so
        leg = next((leg for leg in manifest.legs if epoch.leg in leg.legs), None)
        role = leg.role if leg else ""
        own = HELP_ROLE_WORDS if self.kind == "help" else {}
        who = own.get(role) or ROLES.get(role, ("", "Unknown"))
        said = {"who": who[0], "who_en": who[1]}
        stem = f"data/recordings/{epoch.epoch}"
        name, index_name = f"{stem}.{suffix(epoch.mime)}", f"{stem}.json"
        if name not in self.names or index_name not in self.names:
            self._say("recording", "B02", object=name if name not in self.names else index_name)
            return
        try:
            index = msgspec.json.decode(self._text(index_name), type=EpochIndex)
        except _UNREADABLE:
            self._say("recording", "B08", object=index_name)
            return
        if not _index_holds(index, epoch):
            self._say("recording", "B08", object=index_name)
            return
        if self.files.size(name) < index.head_size + epoch.size:
            self._say("recording", "B07", object=name, **said)
        chain, values = Chain(index.line.encode()), []
        for cluster, data in self._clusters(name, index):
            link = chain.add(digest_of(data))
            values.append(link.chain)
            if link.sha256 != cluster.sha256:
                at_ms = epoch.start_ms + cluster.t_ms
                at = moment(manifest.origin, at_ms) if manifest.origin else None
                seconds = max(1, round(cluster.d_ms / 1000))
                self._say("recording", "B05", object=name, at=at, at_ms=at_ms, seconds=seconds, **said)
        self.chains[epoch.epoch] = values
        rest = index.head_size + epoch.size
        ends = ((epoch.final_sha256, 0, index.head_size), (epoch.cues_sha256, rest, None))
        for value, start, length in ends:
            if value and hashlib.sha256(self.files.read(name, start, length)).hexdigest() != value:
                self._say("recording", "B06", object=name, **said)

    def _clusters(self, name: str, index: EpochIndex) -> Iterator[tuple[ClusterHash, bytes]]:
        at = index.head_size
        for cluster in index.clusters:
            yield cluster, self.files.read(name, at, cluster.size)
            at += cluster.size

    # --- photographs and files ---------------------------------------------------------------------------------------

    def _sent(self, folder: str, word: str, what: str, changed: str, unknown: str) -> None:
        """What lies in a folder is what events of this kind name by `word`, byte for byte."""
        there = {Path(name).stem: name for name in self.names if name.startswith(f"data/{folder}/")}
        told = [event for event in self.events if event.tag.endswith(f":{what}") and event.body_text is not None]
        known = {str(event.body.get(word)): str(event.body.get("sha256")) for event in told}
        for thing, value in known.items():
            name = there.get(thing)
            if name is None:
                self._say("photos", "B02", object=f"data/{folder}/{thing}")
            elif self._sha256(name) != value:
                self._say("photos", changed, object=name)
        for thing in sorted(set(there) - set(known)):
            self._say("photos", unknown, object=there[thing])

    # --- sheet, signatures, time -------------------------------------------------------------------------------------

    def _report(self) -> None:
        name = "data/report.pdf"
        sealed = [event for event in self.events if event.tag == "system:seal:made" and event.body_text is not None]
        if name not in self.names:
            self._say("report", "B02" if sealed else "B30", object=name)
            self._say("signatures", "B31")
            return
        data = self.files.read(name)
        if sealed and hashlib.sha256(data).hexdigest() != sealed[-1].body.get("sha256"):
            self._say("report", "B15", object=name)
        if self.trust is None:
            self._say("signatures", "B19", object="data/trust/trust.json")
            return
        self.report = judged = verify_pdf(data, self.trust, self.now)
        if self.manifest is not None and judged.record != self.manifest.record:
            self._say("report", "B16", object=judged.record or name)
        for reason in judged.reasons:
            part: PartName = "time" if reason.code == "V16" else "report"
            if reason.code in _PDF_UNFINISHED and not sealed:
                self._say("signatures", "B31")
            elif reason.code not in NOTES:
                self.found[part].append(Finding(code=reason.code, zh=reason.zh, en=reason.en, object=name))
        for signature in judged.signatures:
            for reason in signature.reasons:
                if signature.state == "fail":
                    part = "time" if reason.code in ("V08", "V16") else "signatures"
                    self.found[part].append(
                        Finding(
                            code=reason.code,
                            zh=f"{signature.name}：{reason.zh}",
                            en=f"{signature.name}: {reason.en}",
                            object=signature.field,
                        )
                    )

    def _stamps(self) -> None:
        cuts = sorted(name for name in self.names if _cut_number(name) is not None)
        final_stamped = False
        previous: tuple[str, Manifest] | None = None
        for name in sorted(cuts, key=lambda each: _cut_number(each) or 0):
            try:
                data = self._text(name)
                cut = manifests.from_json(data)
            except _UNREADABLE:
                self._say("time", "B11", object=name)
                continue
            digest = hashlib.sha256(data).digest()
            if previous is not None and cut.previous_sha256 != previous[0]:
                self._say("time", "B12", object=name)
            previous = digest.hex(), cut
            stamp = name.removesuffix(".json") + ".tst"
            stamped = stamp in self.names and self._stamp(stamp, digest)
            if self.manifest is not None:
                self._extends(cut, self.manifest, name)
                final_stamped |= bool(cut.final and stamped and cut.head == self.manifest.head)
        if self.manifest is None:
            return
        if self.manifest.final and previous is not None and previous[1] != self.manifest:
            self._say("time", "B12", object="data/manifest.json")
        if not final_stamped and not any(each.code != "B40" for each in self.found["time"]):
            self._say("time", "B32")

    def _extends(self, cut: Manifest, final: Manifest, name: str) -> None:
        def chain_after(epoch: str, clusters: int) -> str | None:
            values = self.chains.get(epoch)
            entry = next((each for each in final.epochs if each.epoch == epoch), None)
            if values is None:  # not in the package: judged by the final manifest alone
                return entry.chain if entry and entry.clusters == clusters else None
            return values[clusters - 1] if 0 < clusters <= len(values) else None

        damaged = {each.code for each in self.found["recording"]} & {"B02", "B05", "B07", "B08"}
        for wrong in manifests.extends(cut, final, chain_after):
            # A recording that is damaged itself has been named with its second; the cut is not to blame.
            open_now = any(each.epoch == wrong and not each.closed for each in final.epochs)
            if not damaged and not open_now:
                self._say("time", "B12", object=f"{name}: {wrong}")

    def _stamp(self, name: str, digest: bytes) -> bool:
        if self.trust is None:
            return False
        try:
            at = _check_stamp(self._text(name), digest, self.trust)
        except Exception:  # a parser meeting a hostile token may fail in any way; each means: not our stamp
            self._say("time", "B17", object=name)
            return False
        if at > self.now + AHEAD:
            self._say("time", "B18", object=name)
            return False
        return True


def _check_stamp(token: bytes, digest: bytes, trust: TrustBundle) -> datetime:
    """The time a token proves for a SHA-256 digest, at a pinned service (RFC 3161 2.4.2). Raises ValueError."""
    content = cms.ContentInfo.load(token, strict=True)
    signed = content["content"]
    info = signed["encap_content_info"]["content"].parsed
    at: datetime = info["gen_time"].native
    if info["message_imprint"]["hash_algorithm"]["algorithm"].native != "sha256":
        raise ValueError("another hash")
    roots = [asn1_x509.Certificate.load(one) for one in trust.stamps]
    context = ValidationContext(trust_roots=roots, moment=at, allow_fetching=False, revocation_mode="soft-fail")
    facts = asyncio.run(validate_tst_signed_data(signed, context, lambda _algorithm: digest))
    status = TimestampSignatureStatus(**facts)
    if not (status.valid and status.intact and status.trusted):
        raise ValueError("not trusted")
    return at


def _index_holds(index: EpochIndex, epoch: EpochEntry) -> bool:
    """Whether the hashes in an index run to the chain that the manifest names."""
    head = hashlib.sha256(index.line.encode()).digest()
    try:
        for cluster in index.clusters:
            head = hashlib.sha256(head + bytes.fromhex(cluster.sha256)).digest()
    except ValueError:
        return False
    sizes = sum(cluster.size for cluster in index.clusters)
    belongs = f"|{epoch.session}|{epoch.leg}|{epoch.epoch}|" in index.line and index.epoch == epoch.epoch
    return head.hex() == epoch.chain and sizes == epoch.size and len(index.clusters) == epoch.clusters and belongs


def _stored(line: EventLine) -> StoredEvent:
    fields = msgspec.structs.asdict(line)
    fields["at"] = datetime.fromisoformat(line.at)
    return StoredEvent(**fields, body=office_events.decode_body(line.body_text))


def _part_of(name: str) -> PartName:
    prefixes: dict[str, PartName] = {
        **dict.fromkeys(_SENT, "photos"),
        "data/report.pdf": "report",
        "data/trust/": "time",
    }
    return next((part for prefix, part in prefixes.items() if name.startswith(prefix)), "recording")


def _cut_number(name: str) -> int | None:
    number = name.removeprefix("data/trust/manifest-").removesuffix(".json")
    return int(number) if name == f"data/trust/manifest-{number}.json" and number.isdigit() else None
