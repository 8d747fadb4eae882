import asyncio
import hashlib
import os

import pytest

from foundation.blobs import Folder
from foundation.errors import Problem
from foundation.frames import FRAME, HEADER, PLAIN
from foundation.objects import ObjectStore, open_store
from foundation.settings import Settings

KEY = bytes(range(32))
NAME = "records/rec_1/photos/pho_1"


@pytest.fixture(params=["folder", "s3"])
def store(request) -> ObjectStore:
    return request.getfixturevalue("object_store" if request.param == "folder" else "s3")


async def pieces(data: bytes, size: int):
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_an_object_comes_back_with_the_hash_of_its_plain_bytes(store):
    data = os.urandom(3 * PLAIN + 5)
    stored = await store.put(NAME, data, KEY)
    assert (stored.name, stored.sha256, stored.size) == (NAME, hashlib.sha256(data).hexdigest(), len(data))
    assert await store.get(NAME, KEY) == data
    assert await store.size(NAME, KEY) == len(data)


async def test_an_empty_object_is_an_object(store):
    assert (await store.put(NAME, b"", KEY)).size == 0
    assert await store.get(NAME, KEY) == b""
    assert [piece async for piece in store.stream(NAME, KEY)] == []


async def test_a_recording_larger_than_one_upload_part_is_stored_as_it_arrives(store):
    data = os.urandom(20 * 1024 * 1024 + 3)
    stored = await store.put(NAME, pieces(data, 300_000), KEY)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert hashlib.sha256(await store.get(NAME, KEY)).hexdigest() == stored.sha256
    assert await store.list("") == [NAME]


@pytest.mark.parametrize("size", [10, 9 * 1024 * 1024])
async def test_a_name_is_written_once(store, size):
    await store.put(NAME, b"first", KEY)
    with pytest.raises(Problem) as refused:
        await store.put(NAME, pieces(bytes(size), PLAIN), KEY)
    assert refused.value.code == "O01"
    assert await store.get(NAME, KEY) == b"first"
    assert await store.list("") == [NAME]


async def test_of_two_writers_at_once_one_wins_whole(store):
    bodies = [bytes([number]) * 100_000 for number in range(4)]
    results = await asyncio.gather(*(store.put(NAME, body, KEY) for body in bodies), return_exceptions=True)
    winners = [number for number, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(winners) == 1
    assert await store.get(NAME, KEY) == bodies[winners[0]]
    assert [getattr(result, "code", result) for n, result in enumerate(results) if n not in winners] == ["O01"] * 3


async def test_any_range_reads_as_a_slice(store):
    data = os.urandom(2 * PLAIN + 100)
    await store.put(NAME, data, KEY)
    for start, length in [(0, 1), (PLAIN - 1, 2), (PLAIN, PLAIN), (5, 2 * PLAIN), (2 * PLAIN + 90, 500), (10**9, 5)]:
        assert await store.read(NAME, KEY, start, length) == data[start : start + length]


async def test_a_stream_may_begin_and_end_anywhere(store):
    data = os.urandom(40 * PLAIN)
    await store.put(NAME, data, KEY)
    got = [piece async for piece in store.stream(NAME, KEY, 100_001, 39 * PLAIN + 7)]
    assert b"".join(got) == data[100_001 : 39 * PLAIN + 7]
    assert max(map(len, got)) <= 16 * PLAIN


async def test_what_is_not_there_is_refused(store):
    for action in (store.get(NAME, KEY), store.read(NAME, KEY, 0, 1), store.size(NAME, KEY)):
        with pytest.raises(Problem) as refused:
            await action
        assert refused.value.code == "O02"
    assert not await store.exists(NAME)


async def test_a_deleted_object_is_gone_and_deleting_again_is_no_error(store):
    await store.put(NAME, b"x", KEY)
    await store.get(NAME, KEY)
    await store.delete(NAME)
    await store.delete(NAME)
    assert not await store.exists(NAME)
    with pytest.raises(Problem):
        await store.get(NAME, KEY)


async def test_what_is_kept_is_compared_and_a_taken_name_keeps_what_it_has(store):
    large = bytes(range(256)) * 10_000  # more than is read at once
    await asyncio.to_thread(store.keep, NAME, large, KEY)
    await asyncio.to_thread(store.keep, NAME, large, KEY)
    assert await asyncio.to_thread(store.intact, NAME, KEY) == len(large)
    for other in (large[::-1], large[:-1] + b"?", large[:-1], large + b"?", b""):
        with pytest.raises(Problem) as refused:
            await asyncio.to_thread(store.keep, NAME, other, KEY)
        assert refused.value.code == "O03"
    assert await store.get(NAME, KEY) == large
    await asyncio.to_thread(store.keep, "records/rec_1/empty", b"", KEY)
    assert await asyncio.to_thread(store.intact, "records/rec_1/empty", KEY) == 0


async def test_what_is_no_longer_there_or_no_longer_whole_is_not_intact(store):
    large = bytes(range(256)) * 10_000
    with pytest.raises(Problem) as refused:
        await asyncio.to_thread(store.intact, NAME, KEY)
    assert refused.value.code == "O02"
    await asyncio.to_thread(store.keep, NAME, large, KEY)
    sealed, size = await asyncio.to_thread(store._blobs.read, NAME, 0, 2 * len(large))
    spoiled = sealed[:-100] + bytes((sealed[-100] ^ 1,)) + sealed[-99:]
    for wrong in (spoiled, sealed[: size // 2], sealed[: HEADER + 20 * FRAME]):
        await store.delete(NAME)
        await put_sealed(store, NAME, wrong)
        with pytest.raises(Problem) as refused:
            await asyncio.to_thread(store.intact, NAME, KEY)
        assert refused.value.code == "O03"
    await put_sealed(store, "records/rec_1/moved", sealed)
    with pytest.raises(Problem) as refused:
        await asyncio.to_thread(store.intact, "records/rec_1/moved", KEY)
    assert refused.value.code == "O03"


async def put_sealed(store: ObjectStore, name: str, sealed: bytes) -> None:
    upload = await asyncio.to_thread(store._blobs.begin, name)
    await asyncio.to_thread(upload.write, sealed)
    await asyncio.to_thread(upload.commit)


async def test_names_are_listed_by_how_they_begin(store):
    for name in ("records/rec_1/a", "records/rec_1/b", "records/rec_10/a", "packages/rec_1"):
        await store.put(name, b"x", KEY)
    assert await store.list("records/rec_1/") == ["records/rec_1/a", "records/rec_1/b"]
    assert await store.list("records/rec_1") == ["records/rec_1/a", "records/rec_1/b", "records/rec_10/a"]
    assert await store.list("nothing/") == []
    assert len(await store.list("")) == 4


async def test_an_upload_that_fails_half_way_leaves_nothing(store):
    async def broken():
        yield bytes(10 * 1024 * 1024)
        raise ConnectionError("the phone went away")

    with pytest.raises(ConnectionError):
        await store.put(NAME, broken(), KEY)
    assert not await store.exists(NAME)
    await store.put(NAME, b"again", KEY)


async def test_another_records_key_opens_nothing(store):
    await store.put(NAME, b"kitchen", KEY)
    with pytest.raises(Problem) as refused:
        await store.get(NAME, bytes(32))
    assert refused.value.code == "O03"


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a//b", ".hidden", "a/.b", "a/../b", "a\\b", "a b", "", "名", "a/", "x" * 200]
)
async def test_a_name_we_did_not_make_is_refused(object_store, name):
    with pytest.raises(ValueError, match="name"):
        await object_store.put(name, b"x", KEY)


async def test_nothing_readable_lies_in_the_folder(object_store, tmp_path):
    await object_store.put(NAME, b"the kitchen of the restaurant" * 1000, KEY)
    assert b"kitchen" not in (tmp_path / "objects" / NAME).read_bytes()
    assert list((tmp_path / "objects" / ".incoming").iterdir()) == []


async def test_a_file_swapped_or_cut_on_disk_is_refused(object_store, tmp_path):
    root = tmp_path / "objects"
    for name in ("a", "b"):
        await object_store.put(name, os.urandom(3 * PLAIN), KEY)
    whole = (root / "a").read_bytes()
    for damaged in (
        (root / "b").read_bytes(),
        whole[: HEADER + FRAME],
        whole[:-1],
        whole[:HEADER] + whole[HEADER + FRAME :] + whole[HEADER : HEADER + FRAME],
        b"",
    ):
        (root / "a").write_bytes(damaged)
        with pytest.raises(Problem) as refused:
            await ObjectStore(Folder(root)).get("a", KEY)
        assert refused.value.code == "O03"


async def test_a_file_cut_behind_an_open_store_is_refused(object_store, tmp_path):
    await object_store.put("a", os.urandom(3 * PLAIN), KEY)
    await object_store.read("a", KEY, 0, 1)
    path = tmp_path / "objects" / "a"
    path.write_bytes(path.read_bytes()[: HEADER + FRAME])
    with pytest.raises(Problem) as refused:
        await object_store.read("a", KEY, PLAIN, PLAIN)
    assert refused.value.code == "O03"


def test_another_kind_of_store_is_refused():
    with pytest.raises(ValueError, match="neither"):
        open_store("ftp://host/x", Settings())
