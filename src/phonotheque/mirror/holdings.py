"""How much of a plan a mirror has already, by what its state has proved."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.mirror.expected import Revoked, read_revoked
from phonotheque.mirror.formats import PlannedVolume
from phonotheque.mirror.rows import planned_paths
from phonotheque.model.errors import FormatError
from phonotheque.storage.layout import Tree
from phonotheque.storage.volume_rows import Superseded, heirs_of

_SUMS = (
    "SELECT substr(path, 9, instr(substr(path, 9), '/') - 1) AS volume, sum(bytes) FROM files "
    "WHERE path >= 'volumes/' AND path < 'volumes0' GROUP BY volume"
)
_BELOW = "SELECT path, bytes FROM files WHERE path >= ? AND path < ?"


def missing_bytes(
    tree: Tree, edition: str, planned: Iterable[PlannedVolume], superseded: Superseded
) -> int:
    """What has to be fetched of the volumes `planned`, out of `edition`.

    Of a volume cut down to single files, or with withdrawn ones, the files are compared where the
    mirror has the volume's table, else bytes alone. Files of superseded volumes count for their
    heirs. A mirror that lost its state is taken to hold the volumes whose folders stand.
    """
    held = _held_bytes(tree, superseded)
    revoked = read_revoked(tree)
    return sum(_missing(tree, edition, one, held, revoked) for one in planned)


def _held_bytes(tree: Tree, superseded: Superseded) -> dict[str, int | None]:
    """Proved bytes by volume; None: not known."""
    try:
        with closing(_opened(tree)) as state:
            sums = state.execute(_SUMS).fetchall()
    except sqlite3.Error:  # lost, or damaged
        folders = tree.volumes.iterdir() if tree.volumes.is_dir() else ()
        return {h: None for p in folders if p.is_dir() for h in heirs_of(p.name, superseded)}
    found: dict[str, int | None] = {}
    for volume, size in sums:
        for heir in heirs_of(volume, superseded):
            found[heir] = (found.get(heir) or 0) + size
    return found


def _missing(
    tree: Tree,
    edition: str,
    planned: PlannedVolume,
    held: Mapping[str, int | None],
    revoked: Revoked,
) -> int:
    here = held.get(planned.volume, 0)
    if here is None:
        return 0
    whole = planned.selection is None and planned.rows is None
    table = tree.edition(edition) / "files" / f"{planned.volume}.parquet"
    differs = not whole or revoked.paths(planned.volume)
    if not here or not differs or not tree.volume(planned.volume).is_dir() or not table.is_file():
        return max(planned.bytes - here, 0)
    try:
        rows = pq.read_table(table, columns=["path", "bytes"])
    except (OSError, pa.ArrowInvalid) as error:
        raise FormatError(f"{table}: not a readable table of files ({error})") from error
    sizes = dict(zip(rows["path"].to_pylist(), rows["bytes"].to_pylist(), strict=True))
    chosen = planned_paths(planned, list(sizes))
    wanted = {p: n for p, n in sizes.items() if chosen is None or p in chosen}
    tags = planned.bytes - sum(wanted.values())
    have = _files_of(tree, planned.volume)
    gone = revoked.paths(planned.volume)
    audio = sum(n for p, n in wanted.items() if p not in have and p not in gone)
    return int(audio + max(tags - sum(n for p, n in have.items() if p not in sizes), 0))


def _files_of(tree: Tree, volume: str) -> dict[str, int]:
    """Proved files of a volume, by path in it."""
    folder = f"volumes/{volume}"
    with closing(_opened(tree)) as state:
        rows = state.execute(_BELOW, (f"{folder}/", f"{folder}0")).fetchall()
    return {path.removeprefix(f"{folder}/"): size for path, size in rows}


def _opened(tree: Tree) -> sqlite3.Connection:
    return sqlite3.connect(f"{(tree.root / 'state.sqlite').as_uri()}?mode=ro", uri=True)
