"""What every store must do, over a directory and over a server of object storage."""

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from phonotheque.model.errors import NotFoundError, TrustError
from phonotheque.storage.local_store import LocalStore
from phonotheque.storage.s3_store import S3Store
from phonotheque.storage.stores import CHUNK_BYTES, Store
from tests.support.object_storage import ObjectStorage

SMALL = b"a short song"
PART = 5 << 20
LARGE = random.Random(7).randbytes(2 * PART + 12_345)  # three parts of object storage


def name_of(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.fixture(params=["directory", "S3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param == "directory":
        return LocalStore(tmp_path / "vault")
    storage: ObjectStorage = request.getfixturevalue("storage")
    return S3Store(storage.place(), "of/an archive", part_bytes=PART)


@pytest.fixture
def put(store: Store, tmp_path: Path) -> Callable[[bytes], str]:
    """Puts bytes, and says their name."""

    def put_bytes(content: bytes) -> str:
        source = tmp_path / f"source-{name_of(content)[:8]}"
        source.write_bytes(content)
        assert store.put(name_of(content), source)
        return name_of(content)

    return put_bytes


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_what_is_put_comes_back(
    store: Store, put: Callable[[bytes], str], content: bytes, tmp_path: Path
) -> None:
    name = put(content)
    assert store.size(name) == len(content)
    assert b"".join(store.iter_chunks(name)) == content
    assert all(len(chunk) <= CHUNK_BYTES for chunk in store.iter_chunks(name))
    store.fetch(name, tmp_path / "deep" / "fetched")
    assert (tmp_path / "deep" / "fetched").read_bytes() == content
    assert (tmp_path / "deep" / "fetched").stat().st_mode & 0o777 == 0o444
    assert list(store.names()) == [(name, len(content))]
    assert name in store.where(name)


def test_bytes_of_a_descriptor_are_put_by_its_path(store: Store) -> None:
    descriptor = os.memfd_create("song")
    try:
        os.write(descriptor, SMALL)
        assert store.put(name_of(SMALL), Path(f"/proc/self/fd/{descriptor}"))
    finally:
        os.close(descriptor)
    assert b"".join(store.iter_chunks(name_of(SMALL))) == SMALL


def test_a_second_put_of_the_same_changes_nothing_and_says_so(
    store: Store, put: Callable[[bytes], str], tmp_path: Path
) -> None:
    for content in (SMALL, LARGE):
        name = put(content)
        again = tmp_path / "again"
        again.write_bytes(content)
        assert not store.put(name, again)
        assert not store.put(name, again, move=True)
        assert again.exists()
        assert b"".join(store.iter_chunks(name)) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_many_that_put_the_same_at_once_leave_it_there_whole(
    store: Store, tmp_path: Path, content: bytes
) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: store.put(name_of(content), source), range(4)))
    assert sum(done) == 1 or (any(done) and isinstance(store, S3Store))  # moto is not atomic
    assert b"".join(store.iter_chunks(name_of(content))) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_file_that_is_given_away_is_gone(store: Store, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "incoming"
    source.write_bytes(content)
    assert store.put(name_of(content), source, move=True)
    assert not source.exists()
    assert b"".join(store.iter_chunks(name_of(content))) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_bytes_of_another_name_are_not_taken(store: Store, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "changed"
    source.write_bytes(content[:-1] + b"?")
    with pytest.raises(TrustError, match="it changed; run this again"):
        store.put(name_of(content), source)
    assert store.size(name_of(content)) is None
    assert list(store.names()) == []


def test_any_part_of_a_content_can_be_read(store: Store, put: Callable[[bytes], str]) -> None:
    name = put(LARGE)
    for start, length in [(0, 10), (5, 0), (PART - 3, 7), (len(LARGE) - 4, 100), (len(LARGE), 5)]:
        read = b"".join(store.iter_chunks(name, start, length))
        assert read == LARGE[start : start + length]
    assert b"".join(store.iter_chunks(name, 9_000_000)) == LARGE[9_000_000:]


def test_a_content_opens_as_a_file_that_can_seek(store: Store, put: Callable[[bytes], str]) -> None:
    name = put(LARGE)
    with store.open(name) as stream:
        assert stream.read(4) == LARGE[:4]
        assert stream.seek(-10, os.SEEK_END) == len(LARGE) - 10
        assert stream.read() == LARGE[-10:]
        assert stream.seek(3_000_000) == 3_000_000
        assert stream.read(2_000_000) == LARGE[3_000_000:5_000_000]
        assert stream.seek(5, os.SEEK_CUR) == stream.tell()
        assert stream.read(3) == LARGE[5_000_005:5_000_008]
        stream.seek(0)
        assert sha256(stream.read()).hexdigest() == name


def test_what_is_not_there_is_said_not_to_be(store: Store, tmp_path: Path) -> None:
    name = name_of(b"nowhere")
    assert store.size(name) is None
    assert not store.remove(name)
    assert not store.set_aside(name, tmp_path / "aside")
    for ask in (
        lambda: store.open(name),
        lambda: list(store.iter_chunks(name)),
        lambda: list(store.iter_chunks(name, 5, 5)),
        lambda: store.fetch(name, tmp_path / "fetched"),
    ):
        with pytest.raises(NotFoundError, match="no such object"):
            ask()
    assert not (tmp_path / "aside").exists()
    assert not (tmp_path / "fetched").exists()
    assert list(store.names()) == []
    assert list(store.strays()) == []


def test_what_is_removed_is_gone(store: Store, put: Callable[[bytes], str]) -> None:
    name = put(SMALL)
    assert store.remove(name)
    assert store.size(name) is None
    assert not store.remove(name)


def test_bytes_are_set_aside_as_they_are(
    store: Store, put: Callable[[bytes], str], tmp_path: Path
) -> None:
    name = put(LARGE)
    assert store.set_aside(name, tmp_path / "quarantine" / name)
    assert (tmp_path / "quarantine" / name).read_bytes() == LARGE
    assert store.size(name) is None


def test_names_come_in_order_from_wherever_one_wants(
    store: Store, put: Callable[[bytes], str]
) -> None:
    names = sorted(put(b"%d" % number) for number in range(30))
    sizes = {name_of(b"%d" % number): len(b"%d" % number) for number in range(30)}
    assert list(store.names()) == [(name, sizes[name]) for name in names]
    for after in (names[0], names[17], names[-1], names[3][:10], "", "f" * 64):
        assert [name for name, _ in store.names(after)] == [n for n in names if n > after]


@pytest.fixture
def stray(store: Store, request: pytest.FixtureRequest) -> Iterator[str]:
    """Something that somebody put among the contents."""
    if isinstance(store, LocalStore):
        path = store.root / "objects" / "ab" / "cd" / "notes.txt"
        path.parent.mkdir(parents=True)
        path.write_text("hello")
        yield str(path)
        return
    storage: ObjectStorage = request.getfixturevalue("storage")
    bucket = f"vault-{storage.made}"
    storage.request("PUT", f"/{bucket}/of/an%20archive/objects/ab/cd/notes.txt", b"hello")
    yield f"s3://{bucket}/of/an archive/objects/ab/cd/notes.txt"


def test_what_is_no_content_is_not_among_the_names(
    store: Store, put: Callable[[bytes], str], stray: str
) -> None:
    name = put(SMALL)
    assert [n for n, _ in store.names()] == [name]
    assert list(store.strays()) == [stray]
