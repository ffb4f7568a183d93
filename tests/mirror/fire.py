"""Everything that may go wrong with a sync, each with how it is brought about (`fire_faults` has
that of other commands, and of several origins).

A `Scene` is a mirror that lacks its edition and one volume of three, and an origin. A fault arms
the scene; whatever must be undone before things are well again is left in `Scene.healing`.
"""

import copy
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Targets

from phonotheque.mirror import Seeder, Via, read_mirror
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import ExitCode
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from tests.mirror.conftest import LOOPBACK, Follower, files_below
from tests.support import rogue
from tests.support.clock import TufClock
from tests.support.origin import TinyOrigin, contents_of, copied, three_volumes

VOLUME = "tiny-tier1-00001"
BAG = f"volumes/{VOLUME}"
SONG = f"{BAG}/data/artist 1/song-1.ogg"
EDITION = "editions/2026-11/"
ELSEWHERE = b"this lies outside the mirror\n"


@dataclass
class Scene:
    """A mirror that lacks something, and who gives it. `options` go to the sync under fire."""

    follower: Follower
    server: rogue.RogueServer
    clock: TufClock
    folder: Path  # around everything; the mirror is `folder/mirror`
    options: dict[str, Any] = field(default_factory=dict)
    healing: ExitStack = field(default_factory=ExitStack)
    given: list[int] = field(default_factory=list)
    also: dict[str, str] = field(default_factory=dict)  # other addresses, and what to call them

    @property
    def origin(self) -> TinyOrigin:
        return self.follower.origin

    @property
    def tree(self) -> Tree:
        return self.follower.tree

    def heal(self) -> None:
        """All is well from now on."""
        self.healing.close()
        self.server.misbehave = None
        self.options.clear()


@dataclass(frozen=True)
class Fault:
    """`name`: its row of the table. `code`: how the sync under fire ends."""

    name: str
    arm: Callable[[Scene], object]
    code: ExitCode


def lose(scene: Scene) -> None:
    """The mirror lacks its edition and a volume."""
    shutil.rmtree(scene.tree.volume(VOLUME))
    shutil.rmtree(scene.tree.editions)


def web(manner: rogue.Manner) -> Callable[[Scene], object]:
    """The server behaves like that."""
    return lambda scene: setattr(scene.server, "misbehave", manner)


def song(manner: rogue.Manner) -> Callable[[Scene], object]:
    """For one audio file."""
    return web(rogue.only(SONG, manner))


def tables(manner: rogue.Manner) -> Callable[[Scene], object]:
    """For the edition's own files."""
    return web(rogue.only(f"{EDITION}catalogue/", manner))


def metadata(manner: rogue.Manner, name: str = "timestamp.json") -> Callable[[Scene], object]:
    """For one signed document."""
    return web(rogue.only(f"metadata/{name}", manner))


def wrong(content: bytes) -> bytes:
    return bytes(255 - byte for byte in content)


def endless(prefix: str) -> Callable[[Scene], object]:
    def arm(scene: Scene) -> None:
        scene.server.misbehave = rogue.only(prefix, rogue.endless(scene.given))

    return arm


_CODE = ExitCode
SERVER = [
    Fault("is slow", web(rogue.only(BAG, rogue.drip(20_000, 0.02))), _CODE.OK),
    Fault("cuts an answer off, once", web(rogue.only(SONG, rogue.cut(90_000), 1)), _CODE.OK),
    Fault("cuts every answer of a file off after 20,000 bytes", song(rogue.cut(20_000)),
          _CODE.FINDINGS),
    Fault("falls silent in the middle of a file", song(rogue.silence(1.0)), _CODE.FINDINGS),
    Fault("gives a file without its end", song(rogue.body(lambda c: c[:-1])), _CODE.FINDINGS),
    Fault("gives a file that is longer", song(rogue.body(lambda c: c + b"more")), _CODE.FINDINGS),
    Fault("gives an empty file", song(rogue.body(lambda c: b"")), _CODE.FINDINGS),
    Fault("promises more bytes than it gives", song(rogue.wrong_length(7)), _CODE.OK),
    Fault("promises fewer bytes than there are", song(rogue.wrong_length(-7)), _CODE.FINDINGS),
    Fault("gives a Content-Length below zero", song(rogue.odd_length("-5")), _CODE.OK),
    Fault("gives a Content-Length that is no number", song(rogue.odd_length("many")), _CODE.OK),
    Fault("gives wrong bytes of the right length", song(rogue.body(wrong)), _CODE.FINDINGS),
    Fault("gives wrong bytes for every file", web(rogue.only(BAG, rogue.body(wrong))),
          _CODE.FINDINGS),
    Fault("gives wrong tables of the edition", tables(rogue.body(wrong)), _CODE.UNAVAILABLE),
    Fault("ignores ranges", web(rogue.only(SONG, rogue.body(lambda c: c))), _CODE.OK),
    Fault("gives another range than it was asked for", song(rogue.other_range), _CODE.FINDINGS),
    Fault("gives another range, and calls it the right one", song(rogue.lying_range),
          _CODE.FINDINGS),
    Fault("says that a file is compressed, and it is not",
          song(rogue.body(lambda c: c, Content_Encoding="gzip")), _CODE.OK),
    Fault("answers a page of HTML for everything (a hotel's network)",
          web(rogue.body(lambda c: b"<html>Please log in</html>")), _CODE.UNTRUSTED),
    Fault("answers a page of HTML for every audio file",
          web(rogue.only(BAG, rogue.body(lambda c: b"<html>Please log in</html>"))),
          _CODE.FINDINGS),
    Fault("redirects in circles", song(rogue.status(302, Location="/" + SONG)), _CODE.FINDINGS),
    Fault("redirects everything in circles", web(rogue.status(302, Location="/again")),
          _CODE.UNAVAILABLE),
    Fault("redirects to a file of this machine",
          song(rogue.status(301, Location="file:///etc/passwd")), _CODE.FINDINGS),
    Fault("redirects to a port where nobody is",
          song(rogue.status(307, Location="http://127.0.0.1:9/")), _CODE.FINDINGS),
    *(Fault(f"answers {code} for a file", song(rogue.status(code)), _CODE.FINDINGS)
      for code in (403, 404, 410, 500, 503)),
    Fault("answers 429 and asks to wait for a day", song(rogue.status(429, Retry_After="86400")),
          _CODE.FINDINGS),
    Fault("answers 500 for everything", web(rogue.status(500)), _CODE.UNAVAILABLE),
    Fault("answers 503 and asks to wait for a day, for everything",
          web(rogue.status(503, Retry_After="86400")), _CODE.UNAVAILABLE),
    Fault("answers 404 for everything", web(rogue.status(404)), _CODE.UNTRUSTED),
    Fault("answers 500 for the tables of the edition", tables(rogue.status(500)),
          _CODE.UNAVAILABLE),
    Fault("sends a file without end", endless(SONG), _CODE.FINDINGS),
    Fault("sends a table of the edition without end", endless(f"{EDITION}catalogue/"),
          _CODE.UNAVAILABLE),
    Fault("sends signed documents without end", endless("metadata/"), _CODE.UNTRUSTED),
    Fault("sends headers without end", song(rogue.endless_headers), _CODE.FINDINGS),
    Fault("trickles: a thousand bytes a second", song(rogue.drip(20, 0.02)), _CODE.FINDINGS),
    Fault("drips its headers, a byte now and then", song(rogue.drip_headers), _CODE.FINDINGS),
    Fault("speaks no HTTP", web(rogue.garbage), _CODE.UNAVAILABLE),
    Fault("hangs up without a word", web(rogue.hang_up), _CODE.UNAVAILABLE),
    Fault("hangs up on every audio file", web(rogue.only(BAG, rogue.hang_up)), _CODE.FINDINGS),
]  # fmt: skip


def _put(scene: Scene, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (scene.origin.root / "metadata" / name).write_bytes(content)


def _roll_back(scene: Scene) -> None:
    """The mirror knows newer metadata than the origin gives from now on."""
    old = files_below(scene.origin.root / "metadata")
    scene.origin.sign()
    scene.follower.sync()
    newer = files_below(scene.origin.root / "metadata")
    lose(scene)
    _put(scene, old)
    scene.healing.callback(_put, scene, newer)


def _freeze(scene: Scene) -> None:
    """The origin went on, and somebody between gives what was signed before; it runs out."""
    before = files_below(scene.origin.root / "metadata")
    scene.origin.publish(three_volumes(), name="2026-12")
    after = files_below(scene.origin.root / "metadata")
    _put(scene, before)
    scene.healing.callback(_put, scene, after)


def run_out(scene: Scene) -> None:
    scene.origin.expires = datetime(2026, 11, 1, tzinfo=UTC)
    scene.origin.sign()

    def renew() -> None:
        scene.origin.expires = datetime(2999, 1, 1, tzinfo=UTC)
        scene.origin.sign()

    scene.healing.callback(renew)


def _mix(scene: Scene) -> None:
    """A new timestamp and snapshot with the targets of before under the new name."""
    targets = f"{scene.origin.versions['targets']}.targets.json"
    old = (scene.origin.root / "metadata" / targets).read_bytes()
    scene.origin.sign()
    name = f"{scene.origin.versions['targets']}.targets.json"
    new = (scene.origin.root / "metadata" / name).read_bytes()
    _put(scene, {name: old})
    scene.healing.callback(_put, scene, {name: new})


def _mix_documents(scene: Scene) -> None:
    """The signed list of one edition, and `latest.json` of another."""
    old = scene.origin.tree.latest_json.read_bytes()
    scene.origin.publish(three_volumes(), name="2026-12")
    new = scene.origin.tree.latest_json.read_bytes()
    scene.origin.tree.latest_json.write_bytes(old.replace(b"2026-11", b"2026-13"))
    scene.healing.callback(scene.origin.tree.latest_json.write_bytes, new)


def wrong_key(*roles: str) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        forged = copy.copy(scene.origin)
        other = {role: CryptoSigner.generate_ed25519() for role in roles}
        forged.signers = scene.origin.signers | other
        forged.sign()
        scene.healing.callback(scene.origin.sign)

    return arm


def _wrong_withdrawals(scene: Scene) -> None:
    """The list of withdrawals is signed by a key that nobody has named."""
    path = scene.origin.root / "metadata"
    path /= f"{scene.origin.versions['revocations']}.revocations.json"
    true = path.read_bytes()
    forged = Metadata[Targets].from_bytes(true)
    forged.sign(CryptoSigner.generate_ed25519())
    forged.to_file(str(path))
    (scene.tree.metadata / "revocations.json").unlink()
    scene.healing.callback(path.write_bytes, true)


def impostor(scene: Scene) -> None:
    other = TinyOrigin(scene.folder / "impostor")
    other.publish(three_volumes()[:2], name="2027-01")
    true, scene.server.root = scene.server.root, other.root
    scene.healing.callback(setattr, scene.server, "root", true)


def _wrong_document(path: str) -> Callable[[Scene], object]:
    return web(rogue.only(path, rogue.body(lambda c: c.replace(b"2026-11", b"2027-11"))))


SIGNATURES = [
    Fault("are older than what was seen before (rolled back)", _roll_back, _CODE.UNTRUSTED),
    Fault("stay as they were while the archive goes on (frozen), and have not run out",
          _freeze, _CODE.OK),
    Fault("have run out (frozen for long, or a late publisher)", run_out, _CODE.UNTRUSTED),
    Fault("belong to different editions (mix and match)", _mix, _CODE.UNTRUSTED),
    Fault("name one edition, `latest.json` another", _mix_documents, _CODE.UNTRUSTED),
    Fault("are by another timestamp key", wrong_key("timestamp"), _CODE.UNTRUSTED),
    Fault("are by another targets key", wrong_key("targets"), _CODE.UNTRUSTED),
    Fault("are by another key for withdrawals", _wrong_withdrawals, _CODE.UNTRUSTED),
    Fault("are by other keys, all of them", wrong_key("targets", "snapshot", "timestamp"),
          _CODE.UNTRUSTED),
    Fault("are those of another archive at this address", impostor, _CODE.UNTRUSTED),
    Fault("do not fit `edition.json`", _wrong_document(f"{EDITION}edition.json"),
          _CODE.UNTRUSTED),
    Fault("are no JSON", metadata(rogue.body(lambda c: b"{")), _CODE.UNTRUSTED),
    Fault("are empty", metadata(rogue.body(lambda c: b"")), _CODE.UNTRUSTED),
    Fault("are JSON, nested 100,000 deep", metadata(rogue.body(lambda c: b"[" * 100_000)),
          _CODE.UNTRUSTED),
]  # fmt: skip


def sign_anew(origin: TinyOrigin, change: Callable[[EditionManifest], EditionManifest]) -> None:
    """The publisher, or who has all keys, signs the edition as it lies there now, changed."""
    folder = origin.tree.edition("2026-11")
    manifest = read_document(folder / "edition.json", EditionManifest)
    manifest = msgspec.structs.replace(manifest, contents=contents_of(folder))
    write_document(folder / "edition.json", change(manifest))
    origin.sign()


def _rename_in_torrent(old: bytes, new: bytes) -> Callable[[Scene], None]:
    """A signed edition whose torrent leads out of its folder."""

    def arm(scene: Scene) -> None:
        torrent = scene.origin.tree.edition("2026-11") / "torrents" / f"{VOLUME}.torrent"
        true = torrent.read_bytes()
        assert old in true and len(old) == len(new)
        torrent.write_bytes(true.replace(old, new))
        sign_anew(scene.origin, lambda manifest: manifest)

        def mend() -> None:
            torrent.write_bytes(true)
            sign_anew(scene.origin, lambda manifest: manifest)

        scene.healing.callback(mend)

    return arm


def _path_in_edition(path: str) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        def lead_out(manifest: EditionManifest) -> EditionManifest:
            first = msgspec.structs.replace(manifest.contents[0], path=path)
            return msgspec.structs.replace(manifest, contents=[first, *manifest.contents[1:]])

        sign_anew(scene.origin, lead_out)
        scene.healing.callback(sign_anew, scene.origin, lambda manifest: manifest)

    return arm


def _name_of_edition(scene: Scene) -> None:
    true = read_document(scene.origin.tree.latest_json, Latest)
    write_document(
        scene.origin.tree.latest_json, msgspec.structs.replace(true, edition="../../outside")
    )
    scene.origin.sign()

    def mend() -> None:
        write_document(scene.origin.tree.latest_json, true)
        scene.origin.sign()

    scene.healing.callback(mend)


def _copy_from_folder(scene: Scene) -> None:
    settings = read_mirror(scene.tree)
    here = msgspec.structs.replace(settings, origin=str(scene.origin.root))
    write_document(scene.tree.mirror_toml, here)


def _link_in_origin(scene: Scene) -> None:
    """A folder as the origin, in which a link leads to a secret elsewhere."""
    _copy_from_folder(scene)
    target = scene.origin.root / SONG
    true = target.read_bytes()
    target.unlink()
    target.symlink_to(scene.folder / "elsewhere")

    def mend() -> None:
        target.unlink()
        target.write_bytes(true)

    scene.healing.callback(mend)


def _link_in_mirror(scene: Scene) -> None:
    target = scene.tree.root / SONG
    target.parent.mkdir(parents=True)
    target.symlink_to(scene.folder / "elsewhere")


def _links_in_incoming(scene: Scene) -> None:
    """Where a file comes to, over HTTP and from the swarm."""
    for kind in ("http", "swarm"):
        staged = scene.tree.root / "incoming" / kind / SONG.removeprefix("volumes/")
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.symlink_to(scene.folder / "elsewhere")


def _link_for_folder(scene: Scene) -> None:
    """The folder where a volume comes to is one elsewhere."""
    staged = scene.tree.root / "incoming" / "http" / VOLUME
    staged.parent.mkdir(parents=True, exist_ok=True)
    (scene.folder / "empty").mkdir()
    staged.symlink_to(scene.folder / "empty")


NAMES = [
    Fault("the torrent of a volume has `..` in a path", _rename_in_torrent(b"8:artist 1",
          b"8:../../xy"), _CODE.FINDINGS),
    Fault("the torrent of a volume has its names out of order",
          _rename_in_torrent(b"9:bagit.txt"[2:], b"../../abc"), _CODE.FINDINGS),
    Fault("an edition names a path that leads out", _path_in_edition("../../outside"),
          _CODE.UNTRUSTED),
    Fault("an edition names a path from the root", _path_in_edition("/tmp/outside"),
          _CODE.UNTRUSTED),
    Fault("an edition is called `../../outside`", _name_of_edition, _CODE.UNTRUSTED),
    Fault("in a folder as the origin, a link leads elsewhere", _link_in_origin, _CODE.FINDINGS),
    Fault("in the mirror, a link stands in a file's place", _link_in_mirror, _CODE.OK),
    Fault("in the mirror, links stand where a file comes to", _links_in_incoming, _CODE.OK),
    Fault("in the mirror, a link stands for the folder where files come to", _link_for_folder,
          _CODE.OK),
]  # fmt: skip


def _peers(*ports: int) -> dict[str, Any]:
    return {"via": Via.SWARM, "peers": [("127.0.0.1", port) for port in ports]}


def lie(scene: Scene) -> int:
    twin = copied(scene.origin, scene.folder / "liar")
    return scene.healing.enter_context(rogue.lying_peer(twin.tree))


def bad_peer(scene: Scene) -> None:
    scene.options |= _peers(lie(scene))


def _bad_peer_alone(scene: Scene) -> None:
    bad_peer(scene)
    scene.server.misbehave = rogue.only(BAG, rogue.status(500))


def _bad_and_good(scene: Scene) -> None:
    good = scene.healing.enter_context(Seeder(scene.origin.tree, listen=LOOPBACK))
    scene.options |= _peers(lie(scene), good.port)
    scene.server.misbehave = rogue.only(BAG, rogue.status(500))


def odd_peer(says: bytes) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        scene.options |= _peers(scene.healing.enter_context(rogue.odd_peer(says)))

    return arm


SWARM = [
    Fault("a peer gives wrong bytes for every piece", bad_peer, _CODE.OK),
    Fault("the same, and the web does not answer", _bad_peer_alone, _CODE.FINDINGS),
    Fault("the same, and a sound peer is there too", _bad_and_good, _CODE.OK),
    Fault("a peer takes the connection and says nothing", odd_peer(b""), _CODE.OK),
    Fault("a peer speaks another language", odd_peer(b"HTTP/1.1 400 Bad\r\n\r\n"), _CODE.OK),
    Fault("a peer begins well and goes on with noise",
          odd_peer(b"\x13BitTorrent protocol" + b"\xff" * 900), _CODE.OK),
]  # fmt: skip


def _clock(year: int) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        true = scene.clock.now
        scene.origin.expires = datetime(2026, 12, 1, tzinfo=UTC)
        scene.origin.sign()
        scene.clock.now = true.replace(year=year)
        scene.healing.callback(setattr, scene.clock, "now", true)

    return arm


def _no_room(scene: Scene) -> None:
    patch = scene.healing.enter_context(pytest.MonkeyPatch.context())
    patch.setattr("phonotheque.mirror.syncing.free_bytes", lambda path: (16 << 20) + 1)


def _is_ours(scene: Scene, path: str) -> bool:
    """Below the mirror, or where else a command under fire writes; not at the origin."""
    return path.startswith(str(scene.folder)) and not path.startswith(str(scene.origin.root))


def fail(error: int, *calls: str) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        patch = scene.healing.enter_context(pytest.MonkeyPatch.context())

        def refusing(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(path: Any, *args: Any, **kwargs: Any) -> Any:
                if _is_ours(scene, str(path)):
                    raise OSError(error, os.strerror(error), str(path))
                return real(path, *args, **kwargs)

            return call

        for name in calls:
            patch.setattr(os, name, refusing(getattr(os, name)))

    return arm


def held(scene: Scene) -> None:
    scene.healing.enter_context(writing(scene.tree.root))


def _read_only_file(scene: Scene) -> None:
    target = scene.tree.root / "incoming/http" / SONG.removeprefix("volumes/")
    target.parent.mkdir(parents=True)
    target.write_bytes((scene.origin.root / SONG).read_bytes()[:50_000])
    target.chmod(0o444)


def _torn_state(scene: Scene) -> None:
    for path in scene.tree.root.glob("state.sqlite*"):
        path.unlink()
    state = scene.tree.root / "state.sqlite"
    state.write_bytes(b"this is no database " * 500)
    scene.healing.callback(state.unlink)


MACHINE = [
    Fault("the clock is 30 years ahead", _clock(2056), _CODE.UNTRUSTED),
    Fault("the clock is 30 years behind", _clock(1996), _CODE.OK),
    Fault("the disk has no room for the plan", _no_room, _CODE.NO_SPACE),
    Fault("the disk is full when a file takes its place", fail(28, "replace"), _CODE.NO_SPACE),
    Fault("the disk is full when a folder is made", fail(28, "mkdir"), _CODE.NO_SPACE),
    Fault("the mirror lies on a read-only disk", fail(30, "replace", "mkdir"), _CODE.INTERNAL),
    Fault("the mirror may not be written to", fail(13, "replace", "mkdir"), _CODE.INTERNAL),
    Fault("a partial file is read-only", _read_only_file, _CODE.OK),
    Fault("another sync is running", held, _CODE.BUSY),
    Fault("`state.sqlite` is no database", _torn_state, _CODE.INPUT),
]  # fmt: skip
