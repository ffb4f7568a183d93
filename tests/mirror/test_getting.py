"""One recording by itself."""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from phonotheque.mirror import Seeder, Via, get, read_mirror
from phonotheque.mirror import getting as getting_module
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.model.errors import InputError, NotFoundError, TransferError, UsageError
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import HASTY, LOOPBACK, Follower, Notes, files_below
from tests.support.editions import ID_KEY
from tests.support.origin import TinyOrigin, WebServer, copied, noise, three_volumes

VOLUME_OF = {1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 3, 7: 3}
PLACES = "places/00001-00003.u8"


def public_id(number: int, kind: Kind = Kind.RECORDING) -> str:
    return format_public_id(number, IdKey(bytes.fromhex(ID_KEY)), kind)


def test_from_an_address_only_the_tables_needed_are_read(
    follower: Follower, tmp_path: Path
) -> None:
    report = get(follower.server.url, public_id(2), tmp_path, Notes(), limits=HASTY)
    assert Path(report.target).read_bytes() == noise(2, 70_001)
    assert (report.via, report.bytes_fetched, report.licence) == (Via.HTTP, 70_001, "CC-BY-4.0")
    tables = {s.path for s in follower.server.served if "/files/" in s.path}
    assert tables == {"editions/2026-11/files/tiny-tier1-00001.parquet"}


def test_from_a_mirror_that_holds_it_nothing_is_fetched(synced: Follower, tmp_path: Path) -> None:
    before = synced.server.bytes_of("volumes/")
    report = get(synced.tree, public_id(6), tmp_path / "six.ogg", Notes(), limits=HASTY)
    assert (tmp_path / "six.ogg").read_bytes() == noise(6, 300_000)
    assert report.bytes_fetched == 0
    assert synced.server.bytes_of("volumes/") == before


def test_a_dry_run_says_what_would_come_and_writes_nothing(
    follower: Follower, tmp_path: Path
) -> None:
    target = tmp_path / "two.ogg"
    report = get(follower.server.url, public_id(2), target, Notes(), limits=HASTY, dry_run=True)
    assert (report.bytes, report.bytes_fetched, report.target) == (70_001, 0, str(target))
    assert not target.exists()
    assert follower.server.bytes_of("volumes/") == 0


def test_from_the_swarm_only_its_own_pieces_come(
    follower: Follower, seeder: Seeder, tmp_path: Path
) -> None:
    report = get(
        follower.server.url, public_id(4), tmp_path / "four.ogg", Notes(), via=Via.SWARM,
        peers=[("127.0.0.1", seeder.port)], listen=LOOPBACK, limits=HASTY,
    )  # fmt: skip
    assert (tmp_path / "four.ogg").read_bytes() == noise(4, 32_768)
    assert (report.via, report.bytes_fetched) == (Via.SWARM, 32_768)
    assert list(tmp_path.glob(".phonotheque-*")) == []


def test_a_withdrawn_recording_is_refused_everywhere(synced: Follower, tmp_path: Path) -> None:
    synced.origin.revoke(2, "2026-11")
    for source in (synced.tree, synced.server.url, synced.origin.tree):
        with pytest.raises(NotFoundError, match=r"was withdrawn \(take-down\)"):
            get(source, public_id(2), tmp_path / "two.ogg", Notes(), limits=HASTY)
    assert not (tmp_path / "two.ogg").exists()


def test_wrong_bytes_are_not_handed_out(follower: Follower, tmp_path: Path) -> None:
    follower.server.bend = lambda path, content: (
        bytes(len(content)) if path.startswith("volumes/") else None
    )
    with pytest.raises(TransferError, match="not what was signed for"):
        get(follower.server.url, public_id(2), tmp_path / "two.ogg", Notes(), limits=HASTY)
    assert not (tmp_path / "two.ogg").exists()


def test_ids_that_name_no_audio_are_said_so(follower: Follower, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no audio"):
        get(follower.server.url, public_id(99), tmp_path, Notes(), limits=HASTY)
    with pytest.raises(InputError, match="not the id of a recording"):
        get(follower.server.url, public_id(1, Kind.ARTIST), tmp_path, Notes(), limits=HASTY)


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> TinyOrigin:
    """An edition that says where each recording has its file; two recordings have one code."""
    origin = TinyOrigin(tmp_path_factory.mktemp("placed") / "origin")
    places = origin.tree.edition("2026-11") / PLACES
    places.parent.mkdir(parents=True)
    places.write_bytes(b"".join(struct.pack("<Q", n << 24 | v) for n, v in VOLUME_OF.items()))
    recordings = three_volumes()
    for number, code in ((6, "FRX872100006"), (1, "FRX872100001"), (3, "FRX872100001")):
        recordings[number - 1].isrcs = [code]
    origin.publish(recordings)
    return origin


@pytest.fixture
def asked(placed: TinyOrigin, tmp_path: Path) -> Iterator[Follower]:
    origin = copied(placed, tmp_path / "placed")
    with WebServer(origin.root) as server:
        yield Follower(origin, server, Tree(tmp_path / "mirror"))


def tables_read(follower: Follower) -> set[str]:
    return {Path(s.path).stem for s in follower.server.served if "/files/" in s.path}


def test_an_edition_says_where_to_look_and_no_other_table_is_read(
    asked: Follower, tmp_path: Path
) -> None:
    report = get(asked.server.url, public_id(7), tmp_path, Notes(), limits=HASTY)
    assert Path(report.target).read_bytes() == noise(7, 5_000)
    assert tables_read(asked) == {"tiny-tier2-00003"}
    came = sum(s.bytes for s in asked.server.served)
    assert came == report.bytes_of_tables + report.bytes_fetched
    assert (report.title, report.artist_credit, report.seconds > 0) == ("Song 7", "Artist 7", True)
    with pytest.raises(NotFoundError, match="has no audio"):
        get(asked.server.url, public_id(99), tmp_path, Notes(), limits=HASTY)
    assert tables_read(asked) == {"tiny-tier2-00003"}, "what no place names is looked for nowhere"


@pytest.mark.parametrize(
    "lie",
    [
        lambda content: content.replace(b"\x03\0\0", b"\x01\0\0"),
        lambda content: bytes(len(content)),
        lambda content: content[:20],
        lambda content: b"x" * 100_000,
        lambda content: 404,
    ],
)
def test_places_that_lie_cost_time_and_nothing_else(
    asked: Follower, tmp_path: Path, lie: object
) -> None:
    asked.server.bend = lambda path, content: lie(content) if path.endswith(".u8") else None  # type: ignore[operator]
    try:
        report = get(asked.server.url, public_id(7), tmp_path, Notes(), limits=HASTY)
    except NotFoundError as error:
        assert "has no audio" in str(error)
        return
    assert Path(report.target).read_bytes() == noise(7, 5_000)


def test_a_code_is_looked_up_on_this_disk_and_several_are_named(
    asked: Follower, tmp_path: Path
) -> None:
    tree = asked.origin.tree
    assert get(tree, "fr-x87-21-00006", tmp_path / "six", Notes()).recording == public_id(6)
    assert get(tree, "7", tmp_path / "seven", Notes()).bytes == 5_000
    with pytest.raises(UsageError, match=f"{public_id(1)}, {public_id(3)}"):
        get(tree, "FRX872100001", tmp_path / "one", Notes())
    found = get(tree, "FRX872100001", tmp_path / "one", Notes(), first=True)
    assert found.recording == public_id(1)
    for text, error in (("FRX872199999", NotFoundError), ("blue hour", NotFoundError)):
        with pytest.raises(error, match=text):
            get(tree, text, tmp_path / "none", Notes())


def test_words_are_asked_of_the_server_which_is_not_believed(
    asked: Follower, tmp_path: Path
) -> None:
    with pytest.raises(TransferError, match="ask a mirror, which looks up codes and words"):
        get(asked.server.url, "song three", tmp_path, Notes(), limits=HASTY)
    hits = [{"id": public_id(3), "title": "Song 3", "artist": "Artist 3", "tier": 1}]
    answers = {"lookup": {"recognised": "none", "recordings": []}, "search": {"hits": hits},
               "recordings": {"file": {"volume": "../../etc"}}}  # fmt: skip
    said = {f"api/v1/{name}": msgspec.json.encode(answer) for name, answer in answers.items()}
    asked.server.bend = lambda path, content: next(
        (answer for name, answer in said.items() if path.startswith(name)), None
    )
    notes = Notes()
    report = get(asked.server.url, "song three", tmp_path, notes, limits=HASTY)
    assert Path(report.target).read_bytes() == noise(3, 150_000)
    assert notes.lines == [f"song three: {public_id(3)} (Artist 3 – Song 3)"]
    said["api/v1/search"] = msgspec.json.encode({"hits": hits * 2})
    with pytest.raises(UsageError, match="several recordings have it"):
        get(asked.server.url, "song three", tmp_path, notes, limits=HASTY)
    for answer in (b"<html>", b"[" * 100_000, b"x" * 3_000_000):
        said["api/v1/lookup"] = answer
        with pytest.raises(TransferError):
            get(asked.server.url, "song three", tmp_path, notes, limits=HASTY)


def test_the_rate_of_the_mirror_holds_for_tables_and_audio(
    synced: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(synced.tree.volumes)
    settings = msgspec.structs.replace(
        read_mirror(synced.tree), transfer=TransferSettings(max_bytes_per_second=500_000)
    )
    write_document(synced.tree.mirror_toml, settings)
    rates, paid = list[int | None](), list[int]()

    class Counted(Pace):
        def __init__(self, rate: int | None) -> None:
            super().__init__(rate)
            rates.append(rate)

        def charge(self, amount: int) -> float:
            paid.append(amount)
            return 0.0

    monkeypatch.setattr(getting_module, "Pace", Counted)
    before = files_below(synced.tree.root)
    report = get(synced.tree, public_id(2), tmp_path / "two", Notes(), limits=HASTY)
    assert (rates, sum(paid)) == ([500_000], report.bytes_fetched + report.bytes_of_tables)
    assert report.bytes_fetched == 70_001
    get(synced.tree, public_id(2), tmp_path / "two", Notes(), limits=HASTY, max_rate=9_000)
    assert rates[1:] == [9_000]
    assert files_below(synced.tree.root) == before, "a mirror is only read"


def test_when_the_origin_is_gone_others_give_it(synced: Follower, tmp_path: Path) -> None:
    shutil.rmtree(synced.tree.volumes)
    with WebServer(synced.origin.root) as other:
        settings = msgspec.structs.replace(read_mirror(synced.tree), others=(other.url,))
        write_document(synced.tree.mirror_toml, settings)
        synced.server.__exit__()
        notes = Notes()
        report = get(synced.tree, public_id(2), tmp_path / "two", notes, limits=HASTY)
    assert report.bytes_fetched == 70_001
    assert any("revocation list this mirror saw last" in line for line in notes.lines)
