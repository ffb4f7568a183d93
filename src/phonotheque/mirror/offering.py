"""What there is to choose from: an edition's volumes, cut down to the files that are wanted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from phonotheque.mirror.choosing import (
    Candidate,
    Wishes,
    name_some,
    unknown_wishes,
    unwanted,
    what_there_is,
)
from phonotheque.mirror.edition_tables import EditionTables
from phonotheque.mirror.facts import WITHDRAWN, Facts, FileFacts, open_facts
from phonotheque.mirror.formats import PlanWishes, Preference
from phonotheque.mirror.named_wishes import excluded, file_wishes
from phonotheque.mirror.rows import Mask
from phonotheque.mirror.sieve import FileWishes, Sieve
from phonotheque.model.errors import UsageError
from phonotheque.model.progress import Progress
from phonotheque.storage.volume_rows import Superseded, heirs_of

PLAN_COLUMNS = ["volume", "tier", "files", "total_bytes", "listens", "licences"]
_SAID = {
    "licence": "such a licence",
    "barred": "leave to be given out there",
    "artist_numbers": "such an artist",
    "genres": "such a genre",
}


@dataclass(frozen=True, slots=True)
class Part:
    """The wanted files of a volume that has others too: a bit for each row, packed."""

    rows: int
    bits: bytes

    @property
    def wanted(self) -> Mask:
        """Which rows are wanted."""
        packed = np.frombuffer(self.bits, np.uint8)
        return np.unpackbits(packed, count=self.rows).astype(np.bool_)


@dataclass(frozen=True, slots=True)
class Offer:
    """`candidates` to choose from by `wishes`; `unwanted` have no file that is wanted. `parts` by
    volume are of those that are cut down; `overheads` are bytes of tag files; `listens` those of
    all volumes."""

    candidates: tuple[Candidate, ...]
    unwanted: tuple[Candidate, ...]
    wishes: Wishes
    parts: Mapping[str, Part]
    overheads: Mapping[str, int]
    listens: int


def candidates_of(table: pa.Table, held: Collection[str]) -> list[Candidate]:
    """Rows of `volumes` as candidates, but for superseded ones."""
    return [
        Candidate(
            volume=row["volume"],
            tier=row["tier"],
            files=row["files"],
            bytes=row["total_bytes"],
            listens=row["listens"],
            licences=tuple(row["licences"]),
            held=row["volume"] in held,
        )
        for row in table.select([*PLAN_COLUMNS, "superseded_by"]).to_pylist()
        if row["superseded_by"] is None
    ]


def make_offer(
    tables: EditionTables,
    volumes: pa.Table,
    asked: PlanWishes,
    *,
    gone: Superseded,
    held: Collection[str],
    progress: Progress,
) -> Offer:
    """What the edition with this table of `volumes` offers to whom `asked`; `gone`: superseded
    volumes; `held`: those that are here.

    Files are asked only where a wish is about them. Memory: a bit for each file, and a few volumes.

    Raises:
        UsageError: a wish that nothing can meet, or that the edition cannot answer yet.
    """
    found = candidates_of(volumes, held)
    wishes = _wishes(asked, gone)
    if unknown := unknown_wishes(found, wishes):
        name = tables.manifest.name
        raise UsageError(
            f"edition {name} has no {', no '.join(unknown)}; {what_there_is(found, unknown)}"
        )
    sums = zip(*(volumes.column(n).to_pylist() for n in ("volume", "total_bytes", "audio_bytes")),
               strict=True)  # fmt: skip
    overheads = {name: total - audio for name, total, audio in sums}
    listens = sum(c.listens for c in found)
    by_file = file_wishes(asked, tables)
    facts = open_facts(tables) if by_file else None
    if facts is None:
        if by_file.columns not in ([], ["licence"]) or by_file.without_licences:
            raise UsageError(
                f"edition {tables.manifest.name} does not say yet what its single files are; run "
                "`phonotheque sync`, and plan again"
            )
        return Offer(tuple(found), (), wishes, {}, overheads, listens)
    wishes = replace(wishes, licences=frozenset())
    asked_of = [c for c in found if unwanted(c, wishes) is None and c.volume not in wishes.include]
    cut = _cut(facts, asked_of, by_file, overheads, progress)
    kept = tuple(cut.candidates.get(c.volume, c) for c in found)
    none = {c.volume for c in kept if not c.files}
    return Offer(
        tuple(c for c in kept if c.volume not in none),
        tuple(c for c in found if c.volume in none),
        wishes,
        cut.parts,
        overheads,
        listens,
    )


def _wishes(asked: PlanWishes, gone: Superseded) -> Wishes:
    """The wishes for volumes, with the heirs of superseded ones in their places."""
    include, exclude = (
        frozenset(heir for name in names for heir in heirs_of(name, gone))
        for names in (asked.include, excluded(asked))
    )
    return Wishes(
        frozenset(asked.tiers),
        frozenset(asked.licences),
        include,
        exclude,
        asked.prefer is Preference.COMPLETE_TIERS,
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    candidates: dict[str, Candidate]
    parts: dict[str, Part]


def _cut(
    facts: Facts,
    candidates: Sequence[Candidate],
    wishes: FileWishes,
    overheads: Mapping[str, int],
    progress: Progress,
) -> _Cut:
    """Each volume cut down to what is wanted of it; with no files where nothing is."""
    by_name, sieve, cut = {c.volume: c for c in candidates}, Sieve(wishes), _Cut({}, {})
    progress.start("asking what single files are", len(candidates), "volumes")
    for files in facts.iter_facts(by_name, wishes.columns):
        progress.advance()
        wanted = sieve.sift(files.said)
        candidate = by_name[files.volume]
        if bool(wanted[files.listens != WITHDRAWN].all()) and wanted.any():
            continue
        wanted &= files.listens != WITHDRAWN
        cut.candidates[files.volume] = _cut_down(candidate, files, wanted, overheads)
        if wanted.any():
            bits = np.packbits(wanted).tobytes()
            cut.parts[files.volume] = Part(len(wanted), bits)
    never = [name for name in _SAID if name in wishes.columns and name not in sieve.met]
    if never and candidates:
        raise UsageError(f"none of the files has {', or '.join(_SAID[n] for n in never)}"
                         + "".join(_there_are(name, sieve) for name in never))  # fmt: skip
    return cut


def _there_are(name: str, sieve: Sieve) -> str:
    what = "licences" if name == "licence" else name
    if name not in sieve.seen:
        return ""
    seen = sorted(sieve.seen[name])
    return f"; {what} there are {name_some(seen)}" if seen else f"; of no file the {what} are known"


def _cut_down(
    candidate: Candidate, files: FileFacts, wanted: Mask, overheads: Mapping[str, int]
) -> Candidate:
    return replace(
        candidate,
        files=int(wanted.sum()),
        bytes=int(files.sizes_bytes[wanted].sum()) + overheads[candidate.volume],
        listens=int(files.listens[wanted].sum()),
        part=True,
    )
