"""Object storage over a bad line, or a server that does not answer as it should."""

import random
import resource
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from phonotheque.model.errors import TransferError, TrustError, UsageError
from phonotheque.storage.s3_bucket import Place, parse_store_url
from phonotheque.storage.s3_store import S3Store
from phonotheque.storage.stores import StoreKeys
from tests.support.object_storage import Gate, ObjectStorage

PART = 5 << 20
SMALL = random.Random(1).randbytes(300_000)
LARGE = random.Random(2).randbytes(2 * PART + 777)


def name_of(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.fixture
def place(storage: ObjectStorage, gate: Gate) -> Place:
    """A bucket behind the gate."""
    return storage.place(gate.endpoint)


@pytest.fixture
def store(place: Place) -> S3Store:
    return S3Store(place, "p", part_bytes=PART)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / f"content-{len(content)}"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "disturbances",
    [
        ["503", "503"],
        ["reset", "503", "reset"],
        pytest.param(["stall"], marks=pytest.mark.full),
        pytest.param(["503"] * 4, marks=pytest.mark.full),
    ],
)
def test_a_server_that_fails_for_a_while_is_asked_again(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path], content: bytes,
    disturbances: list[str], tmp_path: Path,
) -> None:  # fmt: skip
    name = name_of(content)
    gate.matches = lambda request: request.method in ("PUT", "POST")
    gate.disturb.extend(disturbances)
    assert store.put(name, file(content))
    assert not gate.disturb
    gate.matches = lambda request: request.method in ("GET", "HEAD")
    gate.disturb.extend(disturbances)
    assert b"".join(store.iter_chunks(name)) == content
    gate.disturb.extend(disturbances)
    store.fetch(name, tmp_path / "fetched")
    gate.disturb.extend(disturbances)
    assert [n for n, _ in store.names()] == [name]
    assert not gate.disturb
    gate.matches = lambda request: True
    gate.disturb.extend(disturbances)
    assert store.remove(name)
    assert store.size(name) is None


def test_a_put_whose_answer_got_lost_is_not_taken_for_lost(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path]
) -> None:
    gate.matches = lambda request: request.method == "PUT"
    gate.disturb.append("lost")
    store.put(name_of(SMALL), file(SMALL))
    assert b"".join(store.iter_chunks(name_of(SMALL))) == SMALL


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_an_answer_that_breaks_off_is_asked_for_from_there(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path], content: bytes
) -> None:
    store.put(name_of(content), file(content))
    gate.matches = lambda request: request.method == "GET"
    gate.disturb.extend(["cut"] * 6)  # more than anybody tries for nothing: each brought a piece
    gate.seen.clear()
    assert b"".join(store.iter_chunks(name_of(content))) == content
    assert "range" in {key.lower() for request in gate.seen for key in request.headers}


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_bytes_that_change_on_their_way_up_are_not_taken_for_stored(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path], content: bytes
) -> None:
    gate.matches = lambda request: len(request.body) > 1000
    gate.disturb.append("flip")
    with pytest.raises(TransferError, match="arrived changed; run this again"):
        store.put(name_of(content), file(content))
    assert not gate.disturb
    assert store.size(name_of(content)) is None
    assert store.put(name_of(content), file(content))
    assert b"".join(store.iter_chunks(name_of(content))) == content


def test_bytes_that_change_on_their_way_down_are_not_taken_for_the_content(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path], tmp_path: Path
) -> None:
    store.put(name_of(SMALL), file(SMALL))
    gate.matches = lambda request: request.method == "GET"
    gate.disturb.append("rot")
    (tmp_path / "fetched").write_bytes(b"before")
    with pytest.raises(TrustError, match="changed there, or on their way"):
        store.fetch(name_of(SMALL), tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"before"
    store.fetch(name_of(SMALL), tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == SMALL


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_where_an_etag_says_nothing_the_content_is_read_back(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path], content: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for method in ("put_whole", "put_parts"):
        ask = getattr(store._bucket, method)
        monkeypatch.setattr(store._bucket, method, lambda *a, ask=ask: ask(*a) and "of its own")
    gate.seen.clear()
    assert store.put(name_of(content), file(content))
    assert gate.methods()["GET"] == 1


def test_a_put_is_conditional_and_carries_its_checksum(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path]
) -> None:
    store.put(name_of(SMALL), file(SMALL))
    sent = {key.lower(): value for key, value in gate.seen[-1].headers.items()}
    assert sent["if-none-match"] == "*"
    assert sent["x-amz-content-sha256"] == name_of(SMALL)
    assert sent["x-amz-checksum-sha256"]
    assert gate.methods() == {"PUT": 1}


def test_a_server_that_never_answers_is_given_up_with_the_way_out(
    store: S3Store, gate: Gate, file: Callable[[bytes], Path]
) -> None:
    gate.disturb.extend(["503"] * 500)
    with pytest.raises(TransferError, match=r"s3://vault-\d+/p/objects/.*run this again later"):
        store.put(name_of(SMALL), file(SMALL))
    with pytest.raises(TransferError, match="run this again later"):
        store.size(name_of(SMALL))
    with pytest.raises(TransferError, match="run this again later"):
        list(store.names())
    with pytest.raises(TransferError, match="run this again later"):
        list(store.iter_chunks(name_of(SMALL)))


def test_a_bucket_that_is_not_there_is_named(
    storage: ObjectStorage, file: Callable[[bytes], Path]
) -> None:
    place = storage.place()
    storage.request("DELETE", f"/{place.bucket}")
    with pytest.raises(TransferError, match="no such bucket; make it, or correct"):
        S3Store(place).put(name_of(SMALL), file(SMALL))


@pytest.mark.full
def test_thousands_of_names_come_by_pages_and_go_on_after_a_failure(
    storage: ObjectStorage, store: S3Store, place: Place, gate: Gate
) -> None:
    names = sorted(name_of(b"%d" % number) for number in range(1203))
    for name in names:
        storage.request("PUT", f"/{place.bucket}/p/objects/{name[:2]}/{name[2:4]}/{name}", b"x")
    gate.seen.clear()
    found = store.names()
    first = [next(found)[0] for _ in range(5)]
    gate.disturb.extend(["503", "reset"])
    assert first + [name for name, _ in found] == names
    lists = [request for request in gate.seen if "list-type=2" in request.path]
    assert len(lists) >= 3


@pytest.mark.full
def test_memory_stays_bounded_however_large_a_content_is(
    store: S3Store, storage: ObjectStorage, place: Place, tmp_path: Path
) -> None:
    direct = S3Store(
        Place(bucket=place.bucket, endpoint=storage.endpoint, region="us-east-1", allow_http=True,
              keys=place.keys),
        part_bytes=PART,
    )  # fmt: skip
    source = tmp_path / "large"
    hasher = sha256()
    with source.open("wb") as out:
        for number in range(160):
            chunk = random.Random(number).randbytes(1 << 20)
            hasher.update(chunk)
            out.write(chunk)
    name = hasher.hexdigest()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert direct.put(name, source)
    direct.fetch(name, tmp_path / "fetched")
    assert (tmp_path / "fetched").stat().st_size == 160 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 110 << 10


def test_keys_are_in_no_message(place: Place) -> None:
    keys = StoreKeys(access_key_id="AKIDENTITY", secret_access_key="hush", session_token="shh")
    assert "hush" not in repr(keys) + str(keys) + repr(place)
    assert "AKIDENTITY" not in repr(keys)


@pytest.mark.parametrize("url", ["", "vault", "s3://", "s3:///x", "http://bucket/x", "file:///x"])
def test_what_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="write s3://BUCKET/PREFIX"):
        parse_store_url(url)


def test_a_store_is_named_by_bucket_and_prefix() -> None:
    assert parse_store_url("s3://bucket") == ("bucket", "")
    assert parse_store_url("s3://bucket/a/b/") == ("bucket", "a/b")
