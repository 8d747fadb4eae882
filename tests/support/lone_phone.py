"""A scripted phone in a process of its own, told by lines: `python -m tests.support.lone_phone`.

It prints its offer, reads {"answer", "at"} and sends fifty numbered sounds a second, and again what it is asked for.
"move" has it send from another port, as after a change of address; "end" has it print how many it sent.
"""

import asyncio
import json
import sys

from media import rtcp
from media.rtp import build
from tests.support.rtp_client import AUDIO_SSRC, RtpClient

EVERY_S = 0.02
_CHECK_EVERY = 25


async def main() -> None:
    phone = RtpClient()
    print(json.dumps(phone.offer()), flush=True)
    told = json.loads(sys.stdin.readline())
    await phone.connect(told["answer"], at=told["at"])
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    order, kept, sent = asyncio.ensure_future(reader.readline()), dict[int, bytes](), 0
    while True:
        if order.done():
            if order.result() != b"move\n":
                break
            await phone.new_port()
            order = asyncio.ensure_future(reader.readline())
        if sent % _CHECK_EVERY == 0:
            phone.renew()
        sent += 1
        kept[sent & 0xFFFF] = phone.send(build(111, sent & 0xFFFF, sent * 960 & 0xFFFFFFFF, AUDIO_SSRC, b"%d" % sent))
        repair(phone, kept)
        await asyncio.sleep(EVERY_S)
    for _ in range(50):
        repair(phone, kept)
        await asyncio.sleep(EVERY_S)
    print(sent, flush=True)


def repair(phone: RtpClient, kept: dict[int, bytes]) -> None:
    for report in phone.of(rtcp.Nack):
        for seq in report.lost:
            phone.raw(kept[seq])
    phone.reports.clear()


if __name__ == "__main__":
    asyncio.run(main())
