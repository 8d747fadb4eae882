"""Jobs of the recordings: packages, verification by the button, and manifests with their stamps."""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from foundation.jobs import Job, PlainHandler, Progress
from recordings import seal
from recordings.export import PACKAGE_JOB, package_handler, package_stream
from recordings.package_verdict import PackageVerdict
from recordings.verify import verify_package
from signing.means import Means
from signing.trust import trust_bundle

VERIFY_JOB = "record.verify"


async def verify_record(means: Means, record: str, work: Path, progress: Progress) -> PackageVerdict:
    """What a stranger would find: the package is made as for export and judged by the same code. Raises S404.

    It lies in the clear below `work` meanwhile, without a name in the file system, so that no crash leaves it behind.
    """

    async def gathered(percent: int) -> None:
        await progress(percent * 6 // 10)

    file = await asyncio.to_thread(_unnamed, work)
    try:
        async for piece in package_stream(means, record, gathered):
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.flush)
        await progress(60)
        trust = await trust_bundle(means)
        path = Path(f"/proc/self/fd/{file.fileno()}")
        verdict = await asyncio.to_thread(verify_package, path, means.clock.now(), trust)
    finally:
        await asyncio.to_thread(file.close)
    await progress(100)
    return verdict


def _unnamed(work: Path) -> Any:
    work.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=work)
    Path(name).unlink()
    return os.fdopen(handle, "w+b")


def handlers(means: Means, work: Path) -> Mapping[str, PlainHandler]:
    """Handlers by kind of job; `work` is a folder for files of passing use."""

    async def verify(job: Job, progress: Progress) -> dict[str, Any]:
        verdict = await verify_record(means, str(job.payload["record"]), work, progress)
        result: dict[str, Any] = msgspec.to_builtins(verdict)
        return {**result, "state": verdict.state}

    return {
        PACKAGE_JOB: package_handler(means),
        VERIFY_JOB: verify,
        seal.CUT_JOB: seal.cut_handler(means.db, means.stamps, means.clock),
    }
