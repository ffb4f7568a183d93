"""What may go wrong with getting one recording, repairing, planning, and with several origins."""

import os
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from phonotheque.mirror import Seeder, Via, read_mirror
from phonotheque.model import tables as schemas
from phonotheque.model.errors import ExitCode
from phonotheque.storage.documents import write_document
from phonotheque.storage.tables import write_table
from tests.mirror.conftest import LOOPBACK, flip
from tests.mirror.fire import (
    BAG,
    EDITION,
    SONG,
    VOLUME,
    Fault,
    Scene,
    bad_peer,
    endless,
    fail,
    held,
    impostor,
    lie,
    metadata,
    odd_peer,
    run_out,
    sign_anew,
    song,
    web,
    wrong,
    wrong_key,
)
from tests.mirror.fire_commands import got
from tests.support import rogue
from tests.support.origin import PIECE_LENGTH

_CODE = ExitCode
VOLUMES_TABLE = f"{EDITION}volumes.parquet"
FILES_TABLE = f"{EDITION}files/{VOLUME}.parquet"
TRICKLE = rogue.drip(20, 0.02)  # a thousand bytes a second, and never silent
DRIP = rogue.drip(1, 0.05)  # twenty


def of(path: str, manner: rogue.Manner) -> Callable[[Scene], object]:
    """The server behaves like that for one path, or all that begin with it."""
    return web(rogue.only(path, manner))


def _spoilt_pieces(content: bytes) -> bytes:
    """One bad piece, the first of the two that a repair asks for."""
    start = 2 * PIECE_LENGTH
    return content[:start] + bytes(PIECE_LENGTH) + content[start + PIECE_LENGTH :]


def _part(make: Callable[[bytes], bytes]) -> rogue.Manner:
    """Ranges of other bytes, honestly labelled."""

    def manner(request: Any, path: str, content: bytes | None) -> bool:
        body = make(content or b"")
        asked = request.headers.get("Range")
        if not asked:
            return rogue.body(lambda _: body)(request, path, content)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        end = int(last) + 1 if last else len(body)
        part = body[int(first) : end]
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(body)}")
        request.send_header("Content-Length", str(len(part)))
        request.end_headers()
        request.wfile.write(part)
        return True

    return manner


def _withdraw(scene: Scene) -> None:
    scene.origin.revoke(1, "2026-11")

    def allow() -> None:
        scene.origin.revoked.clear()
        scene.origin.sign()

    scene.healing.callback(allow)


def _signed(path: str, content: bytes) -> Callable[[Scene], None]:
    """The publisher, or who has all keys, signs something that is no table."""

    def arm(scene: Scene) -> None:
        target = scene.origin.root / path
        true = target.read_bytes()
        target.write_bytes(content)
        sign_anew(scene.origin, lambda manifest: manifest)

        def mend() -> None:
            target.write_bytes(true)
            sign_anew(scene.origin, lambda manifest: manifest)

        scene.healing.callback(mend)

    return arm


def _signed_path(path: str) -> Callable[[Scene], None]:
    """The same with a table of files that names an odd path for the recording."""

    def arm(scene: Scene) -> None:
        rows = pq.read_table(scene.origin.root / FILES_TABLE).to_pylist()
        rows[0]["path"] = path
        target = scene.origin.root / "odd.parquet"
        write_table(target, schemas.FILES, [pa.Table.from_pylist(rows, schema=schemas.FILES)])
        content = target.read_bytes()
        target.unlink()
        _signed(FILES_TABLE, content)(scene)

    return arm


def _link_at(name: str) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        (got(scene).parent / name).symlink_to(scene.folder / "elsewhere")

    return arm


def _peer(scene: Scene, *ports: int) -> None:
    scene.options |= {"via": Via.SWARM, "peers": [("127.0.0.1", port) for port in ports]}


def _lying_and_no_web(scene: Scene) -> None:
    bad_peer(scene)
    scene.server.misbehave = rogue.only(BAG, rogue.status(500))


GET = [
    Fault("the server is slow", of(BAG, rogue.drip(20_000, 0.02)), _CODE.OK),
    Fault("it trickles: a thousand bytes a second", song(TRICKLE), _CODE.UNAVAILABLE),
    Fault("it drips what is signed", metadata(DRIP), _CODE.UNAVAILABLE),
    Fault("it drips a table", of(VOLUMES_TABLE, DRIP), _CODE.UNAVAILABLE),
    Fault("it cuts the file off, once", web(rogue.only(SONG, rogue.cut(90_000), 1)), _CODE.OK),
    Fault("it cuts every answer off after 20,000 bytes", song(rogue.cut(20_000)),
          _CODE.UNAVAILABLE),
    Fault("it falls silent in the middle", song(rogue.silence(1.0)), _CODE.UNAVAILABLE),
    Fault("it gives wrong bytes", song(rogue.body(wrong)), _CODE.UNAVAILABLE),
    Fault("it gives a longer file", song(rogue.body(lambda c: c + b"more")), _CODE.UNAVAILABLE),
    Fault("it sends the file without end", endless(SONG), _CODE.UNAVAILABLE),
    Fault("it answers 404 for the file", song(rogue.status(404)), _CODE.UNAVAILABLE),
    Fault("it answers 429 and asks to wait for a day",
          song(rogue.status(429, Retry_After="86400")), _CODE.UNAVAILABLE),
    Fault("it redirects in circles", song(rogue.status(302, Location="/" + SONG)),
          _CODE.UNAVAILABLE),
    Fault("it redirects to a file of this machine",
          song(rogue.status(301, Location="file:///etc/passwd")), _CODE.UNAVAILABLE),
    Fault("it answers 500 for everything", web(rogue.status(500)), _CODE.UNAVAILABLE),
    Fault("it answers a page of HTML for everything",
          web(rogue.body(lambda c: b"<html>Please log in</html>")), _CODE.UNTRUSTED),
    Fault("it is another archive", impostor, _CODE.UNTRUSTED),
    Fault("its signatures have run out", run_out, _CODE.UNTRUSTED),
    Fault("its signatures are by another key", wrong_key("targets"), _CODE.UNTRUSTED),
    Fault("it sends signed documents without end", endless("metadata/"), _CODE.UNAVAILABLE),
    Fault("its table of volumes is another", of(VOLUMES_TABLE, rogue.body(wrong)),
          _CODE.UNTRUSTED),
    Fault("its table of volumes has no end", endless(VOLUMES_TABLE), _CODE.UNAVAILABLE),
    Fault("its table of the volume's files is another", of(FILES_TABLE, _part(wrong)),
          _CODE.UNTRUSTED),
    Fault("its table of the volume's files has no end", endless(FILES_TABLE),
          _CODE.UNAVAILABLE),
    Fault("a table is signed that is none", _signed(FILES_TABLE, b"PAR1 not at all PAR1"),
          _CODE.INPUT),
    Fault("a table is signed that names the path `data/..`", _signed_path("data/.."),
          _CODE.INPUT),
    Fault("a table is signed that names the path `../../outside`",
          _signed_path("../../outside"), _CODE.INPUT),
    Fault("the recording was withdrawn", _withdraw, _CODE.NOT_FOUND),
    Fault("a peer gives wrong bytes, the web is sound", bad_peer, _CODE.OK),
    Fault("a peer gives wrong bytes, the web does not answer", _lying_and_no_web,
          _CODE.UNAVAILABLE),
    Fault("a peer says nothing, the web is sound", odd_peer(b""), _CODE.OK),
    Fault("a link stands in the place of the file", _link_at("song.ogg"), _CODE.OK),
    Fault("a link stands where the file comes to", _link_at(".song.ogg.incoming"), _CODE.OK),
    Fault("the disk is full", fail(28, "replace"), _CODE.NO_SPACE),
]  # fmt: skip


# -------------------------------------------------------------------------------- repair


def _repair_peers(*ports: int) -> dict[str, Any]:
    return {"peers": tuple(("127.0.0.1", port) for port in ports)}


def _lying_peer(scene: Scene) -> None:
    scene.options |= _repair_peers(lie(scene))
    scene.server.misbehave = rogue.only(BAG, rogue.status(500))


def _lying_and_sound_peer(scene: Scene) -> None:
    good = scene.healing.enter_context(Seeder(scene.origin.tree, listen=LOOPBACK))
    scene.options |= _repair_peers(lie(scene), good.port)
    scene.server.misbehave = rogue.only(BAG, rogue.status(500))


def _heap(*, pipe: bool) -> Callable[[Scene], None]:
    """A folder to take files from that holds lies, links and, where asked for, a pipe."""

    def arm(scene: Scene) -> None:
        heap = scene.folder / "heap"
        heap.mkdir()
        (heap / "song-1.ogg").write_bytes(bytes(200_000))
        (heap / "song-2.ogg").symlink_to(scene.folder / "elsewhere")
        (heap / "loop").symlink_to(heap)
        if pipe:
            os.mkfifo(heap / "pipe")
        scene.options["sources"] = (str(heap),)

    return arm


def _second(manner: rogue.Manner | None) -> Callable[[Scene], None]:
    """A second origin, which `manner` spoils; None: sound."""

    def arm(scene: Scene) -> None:
        other = scene.healing.enter_context(rogue.RogueServer(scene.origin.root))
        other.misbehave = manner
        scene.also[other.url] = "https://archive.example"  # whoever was asked last
        before = read_mirror(scene.tree)
        write_document(scene.tree.mirror_toml, replace(before, others=(other.url,)))
        scene.healing.callback(write_document, scene.tree.mirror_toml, before)

    return arm


def _first(manner: rogue.Manner) -> Callable[[Scene], None]:
    """The origin is spoilt, a second is sound."""

    def arm(scene: Scene) -> None:
        _second(None)(scene)
        scene.server.misbehave = manner

    return arm


def _both(first: rogue.Manner, second: rogue.Manner) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        _second(second)(scene)
        scene.server.misbehave = first

    return arm


def _torrent_too(scene: Scene) -> None:
    flip(scene.tree.root / f"{EDITION}torrents/{VOLUME}.torrent", 1_000)


def _torrent_everywhere(scene: Scene) -> None:
    _torrent_too(scene)
    scene.server.misbehave = rogue.only(f"{EDITION}torrents/", rogue.body(wrong))


def _link_for_file(scene: Scene) -> None:
    (scene.tree.root / SONG).unlink()
    (scene.tree.root / SONG).symlink_to(scene.folder / "elsewhere")


def _link_in_incoming(scene: Scene) -> None:
    for path in (SONG, f"{BAG}/data/artist 2/song-2.ogg"):
        staged = scene.tree.root / "incoming/repair" / path
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.symlink_to(scene.folder / "elsewhere")


REPAIR = [
    Fault("the server is slow", of(BAG, rogue.drip(20_000, 0.02)), _CODE.OK),
    Fault("it trickles: a thousand bytes a second", of(BAG, TRICKLE), _CODE.FINDINGS),
    Fault("it gives wrong bytes", of(BAG, _part(wrong)), _CODE.FINDINGS),
    Fault("it gives one wrong piece", song(_part(_spoilt_pieces)), _CODE.FINDINGS),
    Fault("it ignores ranges", of(BAG, rogue.body(lambda c: c)), _CODE.OK),
    Fault("it ignores ranges and gives wrong bytes", of(BAG, rogue.body(wrong)),
          _CODE.FINDINGS),
    Fault("it gives another range than it was asked for", song(rogue.other_range),
          _CODE.FINDINGS),
    Fault("it gives another range, and calls it the right one", song(rogue.lying_range),
          _CODE.FINDINGS),
    Fault("it sends without end", endless(BAG), _CODE.FINDINGS),
    Fault("it cuts every answer off after 40,000 bytes", of(BAG, rogue.cut(40_000)), _CODE.OK),
    Fault("it falls silent", of(BAG, rogue.silence(1.0)), _CODE.FINDINGS),
    Fault("it redirects in circles", song(rogue.status(302, Location="/" + SONG)),
          _CODE.FINDINGS),
    Fault("it answers 404 for the files", of(BAG, rogue.status(404)), _CODE.FINDINGS),
    Fault("it answers 500 for the files", of(BAG, rogue.status(500)), _CODE.FINDINGS),
    Fault("it answers 429 and asks to wait for a day",
          of(BAG, rogue.status(429, Retry_After="86400")), _CODE.FINDINGS),
    Fault("it speaks no HTTP", web(rogue.garbage), _CODE.FINDINGS),
    Fault("it gives wrong bytes, another origin is sound", _first(_part(wrong)), _CODE.OK),
    Fault("it falls silent, another origin is sound", _first(rogue.silence(1.0)), _CODE.OK),
    Fault("it trickles, another origin is sound", _first(TRICKLE), _CODE.OK),
    Fault("a folder to take files from holds lies and links", _heap(pipe=False), _CODE.OK),
    Fault("a folder to take files from holds a pipe", _heap(pipe=True), _CODE.OK),
    Fault("a peer gives wrong bytes, and the web does not answer", _lying_peer, _CODE.FINDINGS),
    Fault("the same, and a sound peer is there too", _lying_and_sound_peer, _CODE.OK),
    Fault("the volume's torrent is damaged too", _torrent_too, _CODE.OK),
    Fault("it is, and the server's as well", _torrent_everywhere, _CODE.FINDINGS),
    Fault("a link stands in the place of the file", _link_for_file, _CODE.OK),
    Fault("links stand where the files come to", _link_in_incoming, _CODE.OK),
    Fault("the disk is full", fail(28, "replace"), _CODE.NO_SPACE),
    Fault("another process is writing here", held, _CODE.BUSY),
]  # fmt: skip


# -------------------------------------------------------------------------------- plan


def _small_disk(scene: Scene) -> None:
    scene.options["disk_bytes"] = 1_000


PLAN = [
    Fault("the server is slow", of(EDITION, rogue.drip(2_000, 0.02)), _CODE.OK),
    Fault("it drips what is signed", metadata(DRIP), _CODE.UNAVAILABLE),
    Fault("it drips `edition.json`", of(f"{EDITION}edition.json", DRIP), _CODE.UNAVAILABLE),
    Fault("it drips the table of volumes", of(VOLUMES_TABLE, DRIP), _CODE.UNAVAILABLE),
    Fault("it answers 500 for everything", web(rogue.status(500)), _CODE.UNAVAILABLE),
    Fault("it answers 404 for everything", web(rogue.status(404)), _CODE.UNAVAILABLE),
    Fault("it falls silent", web(rogue.silence(1.0)), _CODE.UNAVAILABLE),
    Fault("it answers a page of HTML for everything",
          web(rogue.body(lambda c: b"<html>Please log in</html>")), _CODE.UNTRUSTED),
    Fault("it sends signed documents without end", endless("metadata/"), _CODE.UNAVAILABLE),
    Fault("it is another archive", impostor, _CODE.UNTRUSTED),
    Fault("its signatures have run out", run_out, _CODE.UNTRUSTED),
    Fault("its signatures are by another key", wrong_key("targets"), _CODE.UNTRUSTED),
    Fault("its table of volumes is another", of(VOLUMES_TABLE, rogue.body(wrong)),
          _CODE.UNTRUSTED),
    Fault("its table of volumes is cut off", of(VOLUMES_TABLE, rogue.body(lambda c: c[:-9])),
          _CODE.UNTRUSTED),
    Fault("its table of volumes has no end", endless(VOLUMES_TABLE), _CODE.UNAVAILABLE),
    Fault("a table of volumes is signed that is none",
          _signed(VOLUMES_TABLE, b"PAR1 not at all PAR1"), _CODE.INPUT),
    Fault("the disk given is less than the edition takes", _small_disk, _CODE.NO_SPACE),
    Fault("the disk is full", fail(28, "replace"), _CODE.NO_SPACE),
]  # fmt: skip


# -------------------------------------------------------------------------------- origins


def _lying_swarm(first: rogue.Manner, second: rogue.Manner | None) -> Callable[[Scene], None]:
    """A peer that lies beside two origins."""

    def arm(scene: Scene) -> None:
        bad_peer(scene)
        _second(second)(scene)
        scene.server.misbehave = first

    return arm


_LIES = rogue.only(BAG, _part(wrong))
_OTHER_SONG = f"{BAG}/data/artist 2/song-2.ogg"

ORIGINS = [
    Fault("one of two gives wrong bytes for every file", _first(_LIES), _CODE.OK),
    Fault("one of two begins every file well, and goes on with noise",
          _first(rogue.only(BAG, _part(lambda c: c[: len(c) // 2] + wrong(c[len(c) // 2 :])))),
          _CODE.OK),
    Fault("one of two cuts every file off", _first(rogue.only(BAG, rogue.cut(5_000))), _CODE.OK),
    Fault("one of two falls silent in every file", _first(rogue.only(BAG, rogue.silence(1.0))),
          _CODE.OK),
    Fault("one of two trickles: a thousand bytes a second", _first(rogue.only(BAG, TRICKLE)),
          _CODE.OK),
    Fault("one of two sends every file without end",
          lambda scene: _first(rogue.only(BAG, rogue.endless(scene.given)))(scene), _CODE.OK),
    Fault("one of two says that it has no file", _first(rogue.only(BAG, rogue.status(404))),
          _CODE.OK),
    Fault("one of two redirects in circles",
          _first(rogue.only(BAG, rogue.status(302, Location="/" + SONG))), _CODE.OK),
    Fault("one of two lies about one file, the other about another",
          _both(rogue.only(SONG, _part(wrong)), rogue.only(_OTHER_SONG, _part(wrong))), _CODE.OK),
    Fault("both lie about the same file",
          _both(rogue.only(SONG, _part(wrong)), rogue.only(SONG, _part(wrong))),
          _CODE.FINDINGS),
    Fault("the first lies about all that is signed, and the other is sound",
          _first(rogue.only("metadata/", rogue.body(wrong))), _CODE.OK),
    Fault("a peer gives wrong bytes, and one of two origins too", _lying_swarm(_LIES, None),
          _CODE.OK),
    Fault("a peer gives wrong bytes, and both origins for one file",
          _lying_swarm(rogue.only(SONG, _part(wrong)), rogue.only(SONG, _part(wrong))),
          _CODE.FINDINGS),
    Fault("a peer gives wrong bytes, and both origins are slow",
          _lying_swarm(rogue.only(BAG, rogue.drip(20_000, 0.02)),
                       rogue.only(BAG, rogue.drip(20_000, 0.02))), _CODE.OK),
]  # fmt: skip
