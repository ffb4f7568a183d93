"""What of a torrent may be given: files that stand here as they were proved, and are not withdrawn.

No file is read for that, but a few as a spot check: the mirror's state says what was proved, and
size and time of change that it is still that. An archive has no state; there the length counts. A
file that is not given is hidden from libtorrent, by name and by piece.
"""

import random
import sqlite3
import stat
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import libtorrent as lt

from phonotheque.mirror.expected import planned_by_name
from phonotheque.mirror.part import tables_left_out
from phonotheque.mirror.planning import plan_path, read_plan
from phonotheque.mirror.state import state_path
from phonotheque.mirror.swarm import SwarmOptions, load_torrent
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import FormatError
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volume_of

SPOT_BYTES = 64 << 20  # no spot check reads more
_LEFT_OUT = "left out by the plan"
_RIGHTLY = frozenset({"withdrawn", _LEFT_OUT})  # not given, and nothing is wrong

Stamp = tuple[int, int]  # size in bytes, time of change in nanoseconds


@dataclass(slots=True)
class Offer:
    """What `read_offer` found; `params` go to libtorrent. Counts are of files, pads left out."""

    params: Any
    files: int = 0
    given: int = 0
    withheld: Counter[str] = field(default_factory=Counter)  # by reason
    damaged: list[str] = field(default_factory=list)  # by a spot check; paths in the tree

    @property
    def whole(self) -> bool:
        """Whether nothing is held back but what was withdrawn."""
        return self.given + self.withheld["withdrawn"] == self.files

    @property
    def reasons(self) -> str:
        """Why files are not given, for people; empty where that is as it should be."""
        told = [f"{n:,} {why}" for why, n in sorted(self.withheld.items()) if why not in _RIGHTLY]
        return ", ".join(told)

    @property
    def held_back(self) -> int:
        """Files that are not given, but for those that the plan leaves out."""
        return sum(self.withheld.values()) - self.withheld[_LEFT_OUT]


@dataclass(frozen=True, slots=True)
class Torrent:
    """A torrent that may be loaded: where its file is, and the hash that the edition names.

    `place` is where its files stand in the tree.
    """

    place: str
    path: Path
    info_hash_v2: str


def read_offer(
    tree: Tree, torrent: Torrent, withdrawn: frozenset[str], options: SwarmOptions, spots: int
) -> Offer:
    """What of `torrent` may be given; `withdrawn` are paths in it. Reads `spots` files.

    Raises:
        FormatError: it is not the torrent that the edition names, or libtorrent refuses it.
        OSError: its file cannot be read.
    """
    parent = tree.root / torrent.place.partition("/")[0]
    params = load_torrent(torrent.path, parent, options)
    if str(params.info_hashes.v2) != torrent.info_hash_v2:
        raise FormatError(f"{torrent.path}: is not the torrent that the edition names")
    layout = _layout(params.ti)
    length, journal = layout.piece_length(), read_journal(tree, torrent.place)
    by_plan = cache(lambda: _by_plan(tree, torrent.place))
    offer, had, hidden = Offer(params), [False] * layout.num_pieces(), set[int]()
    given: list[tuple[int, str]] = []
    for index in range(layout.num_files()):
        if layout.file_flags(index) & lt.file_storage.flag_pad_file:
            continue
        inside, size = layout.file_path(index), layout.file_size(index)
        offer.files += 1
        why = _why_not(parent, inside, size, withdrawn, journal)
        if why == "not here" and by_plan()(inside.partition("/")[2]):
            why = _LEFT_OUT
        if why:
            offer.withheld[why] += 1
            hidden.add(index)
            continue
        given.append((index, inside))
        _mark(had, layout.file_offset(index) // length, -(-size // length))
    for index, inside in _spot_check(parent, layout, given, spots):
        hidden.add(index)
        offer.withheld["damaged"] += 1
        offer.damaged.append(f"{parent.name}/{inside}")
        first = layout.file_offset(index) // length
        _mark(had, first, -(-layout.file_size(index) // length), had_now=False)
    offer.given = offer.files - len(hidden)
    params.have_pieces = had
    params.file_priorities = [0 if i in hidden else 4 for i in range(layout.num_files())]
    params.renamed_files = {i: f"{layout.name()}/.withdrawn/{i}" for i in hidden}
    params.flags |= lt.torrent_flags.no_verify_files
    return offer


def _by_plan(tree: Tree, place: str) -> Callable[[str], bool]:
    """Whether a file of a torrent that is not here need not be: a table of a volume outside of the
    plan; any, of a volume of which the plan names single files."""
    folder, _, name = place.partition("/")
    if not tree.mirror_toml.is_file() or not plan_path(tree).is_file():
        return lambda path: False
    plan = read_plan(tree)
    if folder == "editions":
        manifest = read_document(tree.edition(name) / "edition.json", EditionManifest)
        left_out = tables_left_out(tree, manifest, plan)
        return lambda path: volume_of(path) in left_out
    planned = planned_by_name(plan.volumes).get(name)
    part = planned is not None and (planned.selection is not None or planned.rows is not None)
    return lambda path: part


def _mark(had: list[bool], first: int, count: int, *, had_now: bool = True) -> None:
    had[first : first + count] = [had_now] * count


def _layout(info: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return info.layout()


def _why_not(
    parent: Path,
    inside: str,
    size: int,
    withdrawn: frozenset[str],
    journal: Mapping[str, Stamp] | None,
) -> str:
    """Why the file `inside` the folder `parent` is not given; empty where it is."""
    if inside.partition("/")[2] in withdrawn:
        return "withdrawn"
    try:
        found = (parent / inside).lstat()
    except OSError:
        return "not here"
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return "changed"
    if journal is None:
        return ""
    proved = journal.get(f"{parent.name}/{inside}")
    if proved is None:
        return "not proved"
    return "" if proved == (size, found.st_mtime_ns) else "changed"


def read_journal(tree: Tree, place: str) -> dict[str, Stamp] | None:
    """What the mirror has proved below `place`, less what was found unsound since; None for an
    archive, which keeps no journal. The state is only read."""
    if not tree.mirror_toml.is_file():
        return None
    if not state_path(tree).is_file():
        return {}
    bounds = (f"{place}/", f"{place}0")  # "0" follows "/"
    try:
        with closing(sqlite3.connect(f"file:{state_path(tree)}?mode=ro", uri=True)) as state:
            rows = state.execute(
                "SELECT path, bytes, mtime_ns FROM files WHERE path >= ? AND path < ?", bounds
            ).fetchall()
            bad = state.execute(
                "SELECT path FROM suspects WHERE path >= ? AND path < ?", bounds
            ).fetchall()
    except sqlite3.DatabaseError as error:
        raise FormatError(f"{state_path(tree)}: {error}") from error
    journal = {path: (size, changed) for path, size, changed in rows}
    for (path,) in bad:
        journal.pop(path, None)
    return journal


def count_proved(tree: Tree, place: str) -> int:
    """How many files the mirror has proved below `place`; 0 for an archive."""
    if not state_path(tree).is_file():
        return 0
    query = "SELECT count(*) FROM files WHERE path >= ? AND path < ?"
    try:
        with closing(sqlite3.connect(f"file:{state_path(tree)}?mode=ro", uri=True)) as state:
            return int(state.execute(query, (f"{place}/", f"{place}0")).fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def _spot_check(
    parent: Path, layout: Any, given: list[tuple[int, str]], spots: int
) -> list[tuple[int, str]]:
    """Those of some files, drawn at random, that are not what the torrent says."""
    left, bad = SPOT_BYTES, []
    filled = [(i, inside) for i, inside in given if 0 < layout.file_size(i) <= SPOT_BYTES]
    for index, inside in random.sample(filled, min(spots, len(filled))):
        left -= layout.file_size(index)
        if left < 0:
            break
        try:
            sound = digest_file(parent / inside).pieces_root == layout.root(index).to_bytes()
        except OSError:
            sound = False
        if not sound:
            bad.append((index, inside))
    return bad
