"""Planning a mirror by what single files are (part `files` of the bench `mirror_plan`).

The tables `planning/` of an edition are made: sizes, listens and volumes as in the bench
`mirror_plan`; artists of some eight files each, sorted as paths are; licences, genres and barred
places by artist. Then one process that does nothing else plans 8 TB twice: for two of six licences,
of files that may be given out in two more jurisdictions and are not of one genre, the room left
being filled with single files; and for one artist. Tables are in the disk's cache.
"""

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bench.planning import FILES, made_files, made_listens, ranked
from phonotheque.edition import PackingLimits, order_files, plan_volumes
from phonotheque.mirror import Candidate, choose_volumes
from phonotheque.mirror.curves import share_curve
from phonotheque.mirror.edition_tables import EditionTables
from phonotheque.mirror.formats import PlanWishes, Via
from phonotheque.mirror.offering import make_offer
from phonotheque.mirror.picking import fill_room
from phonotheque.mirror.rows import format_rows
from phonotheque.model import tables
from phonotheque.model.archive import VolumeSettings
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import encodings

WHOLE = FILES["large"]
DISKS_TB = (1, 4, 8, 16, 64)
LICENCES = ("CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0",
            "CC-BY-NC-ND-4.0")  # fmt: skip
GENRES = 400
FILES_AN_ARTIST = 8
ID_KEY = bytes(16)
NAME = "made"
TAG_BYTES_A_FILE = 400  # manifests, attribution
LISTENS = "planning/listens.parquet"
I64 = npt.NDArray[np.int64]


def measure(scale: str, files: str = "") -> dict[str, Any]:
    """The figures, in the form of a bench."""
    count = int(files) if files else FILES[scale]
    with TemporaryDirectory(prefix="phonotheque-") as work:
        rows = _make(Path(work), count)
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            figures = pool.apply(_plan, (work, rows, count))
    return {
        "ours": {"files": count, "volumes": len(rows), **figures},
        "limits": {"plan_seconds_per_million_files": 1.0},
    }


def _make(root: Path, count: int) -> list[dict[str, Any]]:
    """An edition's planning tables; the rows of its volumes."""
    rng = np.random.default_rng(11)
    listens = made_listens(count, rng)
    tiers, ranks = ranked(listens)
    order = order_files(tiers, ranks, np.arange(count, dtype=np.int32))
    columns = made_files(tiers[order], listens[order], rng)
    del order, ranks, tiers, listens
    usual, shrink = VolumeSettings(), WHOLE / count
    plan = plan_volumes(columns, PackingLimits(int(usual.max_bytes / shrink), usual.max_files))
    rows: list[dict[str, Any]] = []

    def heard() -> Iterator[pa.Table]:
        begin = 0
        for n, (tier, held) in enumerate(zip(plan.tiers, plan.files, strict=True), 1):
            name, end = f"made-tier{tier}-{n:05d}", begin + int(held)
            sizes, these = columns.sizes_bytes[begin:end], columns.listens[begin:end]
            begin = end
            mixed = rng.permutation(len(sizes))
            sizes, these = sizes[mixed], these[mixed]
            table = _facts(sizes, count, rng)
            _write(root / "planning" / f"{name}.parquet", tables.PLANNING, [table])
            audio = int(sizes.sum())
            rows.append(
                {"volume": name, "tier": int(tier), "files": len(sizes), "audio_bytes": audio,
                 "total_bytes": audio + TAG_BYTES_A_FILE * len(sizes),
                 "listens": int(these.sum()), "licences": list(LICENCES), "superseded_by": None}
            )  # fmt: skip
            places = np.arange(len(sizes), dtype=np.int32)
            named = pa.DictionaryArray.from_arrays(np.zeros(len(sizes), np.int32), [name])
            yield pa.table({"volume": named, "place": places, "listens": these})

    (root / "planning").mkdir()
    _write(root / LISTENS, tables.PLANNING_LISTENS, heard())
    return rows


def _write(path: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """As an edition's tables are written, but for waiting for the disk, and for row groups, which
    are of one volume each here."""
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=3, **encodings(schema)
    ) as writer:
        for part in parts:
            writer.write_table(part.select(schema.names).cast(schema))


def _facts(sizes: I64, count: int, rng: np.random.Generator) -> pa.Table:
    """What the files of a volume are, sorted by artist."""
    rows = len(sizes)
    known = rng.integers(1, max(count // 4, 2), max(rows // FILES_AN_ARTIST, 1))
    artists = known[np.sort(rng.integers(0, len(known), rows))]
    genres = artists * 7919 % 4  # how many each has
    starts = np.append(0, np.cumsum(genres)).astype(np.int32)
    which = np.repeat(artists, genres) * 31 + np.arange(starts[-1]) - np.repeat(starts[:-1], genres)
    words = pa.array([f"genre {n}" for n in range(GENRES)])
    codes = ((which % GENRES) ** 2 // GENRES).astype(np.int32)  # some far more than others
    barred = (artists % 50 == 0).astype(np.int32)
    ends = np.append(0, np.cumsum(barred)).astype(np.int32)
    licences = pa.DictionaryArray.from_arrays((artists * 13 % 6).astype(np.int32), list(LICENCES))
    each = np.arange(rows + 1, dtype=np.int32)
    return pa.table(
        {
            "place": np.arange(rows, dtype=np.int32),
            "file_bytes": sizes,
            "licence": licences.cast(pa.string()),
            "barred": pa.ListArray.from_arrays(ends, pa.array(["CN"] * int(ends[-1]), pa.string())),
            "artist_numbers": pa.ListArray.from_arrays(each, artists),
            "genres": pa.ListArray.from_arrays(starts, words.take(pa.array(codes))),
        }
    )


def _plan(work: str, rows: list[dict[str, Any]], count: int) -> dict[str, float]:
    """Plan in a process of its own."""
    root = Path(work)
    edition = Tree(root / "mirror").edition(NAME)
    edition.mkdir(parents=True)
    (root / "planning").rename(edition / "planning")
    entries = [
        EditionFile(path=p.relative_to(edition).as_posix(), bytes=p.stat().st_size, sha256="")
        for p in sorted(edition.rglob("*.parquet"))
    ]
    manifest = SimpleNamespace(name=NAME, contents=entries, shards=[], id_key=ID_KEY.hex())
    told = EditionTables(Tree(root / "mirror"), cast(Any, None), cast(EditionManifest, manifest))
    volumes = pa.Table.from_pylist(rows)
    heard = {e.path: e.bytes for e in entries}.pop(LISTENS)
    before = _peak_kib()
    shrink = WHOLE / count
    wishes = PlanWishes(
        licences=LICENCES[:2], territories=("CN", "IN"), exclude=("genre:genre 3",),
        disk_bytes=int(8e12 / shrink),
    )  # fmt: skip
    figures = _measured(told, volumes, wishes, shrink)
    some = pq.read_table(edition / "planning" / f"{rows[-1]['volume']}.parquet")
    artist = format_public_ids(some.column("artist_numbers")[0].as_py(), IdKey(ID_KEY), Kind.ARTIST)
    begin = time.monotonic()
    offer = make_offer(
        told, volumes, PlanWishes(artists=tuple(artist)), gone={}, held=(), progress=Silent()
    )
    after = _peak_kib()
    return {
        **figures,
        "artist_seconds": time.monotonic() - begin,
        "artist_files": sum(c.files for c in offer.candidates),
        "peak_kib_before": before,
        "peak_kib": after,
        "table_bytes_per_file": (sum(e.bytes for e in entries) - heard) / count,
        "listens_bytes_per_file": heard / count,
    }


def _peak_kib() -> int:
    """The most memory that this program has had; what its parent had is in `getrusage`, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _measured(
    told: EditionTables, volumes: pa.Table, wishes: PlanWishes, shrink: float
) -> dict[str, float]:
    begin, cpu = time.monotonic(), time.process_time()
    offer = make_offer(told, volumes, wishes, gone={}, held=(), progress=Silent())
    sifted = time.monotonic()
    choice = choose_volumes(offer.candidates, wishes.disk_bytes, offer.wishes)
    left = [c for c, reason in choice.left if reason == "no-room"]
    room = (wishes.disk_bytes or 0) - choice.bytes
    picked = fill_room(told, offer, left, room, {}, via=Via.AUTO, progress=Silent())
    curve = share_curve(offer.candidates, offer.wishes, 0, wishes.disk_bytes, listens=offer.listens)
    rows = [format_rows(offer.parts[c.volume].wanted) for c in choice.taken if c.part]
    seconds = time.monotonic() - begin
    return {
        "sift_seconds": sifted - begin,
        "plan_seconds": seconds,
        "plan_cpu_seconds": time.process_time() - cpu,
        "plan_seconds_per_million_files": seconds / _files(volumes) * 1e6,
        "wanted_share_of_files": sum(c.files for c in offer.candidates) / _files(volumes),
        "wanted_share_of_listens": curve[-1].listens_share,
        **_shares(offer.candidates, offer.listens, shrink),
        "filled_share_of_room": sum(v.bytes for v in picked) / max(room, 1),
        "rows_bytes_per_planned_file": sum(map(len, rows)) / sum(c.files for c in choice.taken),
    }  # fmt: skip


def _files(volumes: pa.Table) -> int:
    return int(np.sum(volumes.column("files").to_numpy()))


def _shares(candidates: tuple[Candidate, ...], listens: int, shrink: float) -> dict[str, float]:
    """The curve at sizes of disk as if of 86 million files."""
    return {
        f"share_of_listens_{tb}_tb": choose_volumes(candidates, int(tb * 1e12 / shrink)).listens
        / listens
        for tb in DISKS_TB
    }
