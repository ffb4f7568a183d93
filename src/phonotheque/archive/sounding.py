"""Sounds: what the vault describes enters the index of fingerprints, and files that are the same
sound as earlier ones are told to the next build, as an import like any other."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime

import pyarrow.parquet as pq

from phonotheque.archive.vaults import open_vault
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.model.sounds import SoundMatch, SoundVerdict
from phonotheque.sources import iter_imports, write_sounds
from phonotheque.storage.layout import Tree
from phonotheque.vault import AcousticIndex, SoundDocument, Vault, decode_fingerprint, take_in

FIRST_FINDINGS = 200


class Sounds:
    """What was found: findings counted by code, the first of them kept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: list[Finding] = []


def take_in_sounds(
    tree: Tree, now: datetime, progress: Progress, made: Collection[str] = ()
) -> Sounds:
    """Let the descriptions that are not in the index yet into it; the caller has the lock.

    `made` are labels of imports (``source/name``) whose rows tell what files are called.

    Killed at any moment and run again, it ends in the same state.
    Memory: four thousand fingerprints, 32 MB, several times over.

    Raises:
        FormatError: descriptions or an index that cannot be read.
    """
    found = Sounds()
    if not (tree.vault / "state.sqlite").exists():
        return found
    with closing(open_vault(tree)) as vault:
        index = AcousticIndex(tree.acoustic)
        descriptions = _Descriptions(vault, index.taken, progress)
        matches = take_in(index, descriptions)
        noted = list[SoundMatch]()
        write_sounds(tree, _noted(matches, found, noted), now)
        names = _names(tree, made, [match.sha256 for match in noted])
        found.first = [_finding(match, vault, names) for match in noted]
        if descriptions.last > index.taken:
            index.note_taken(descriptions.last)
    return found


class _Descriptions:
    """Fingerprints of the descriptions behind a batch; `last` is the batch they were read to."""

    def __init__(self, vault: Vault, taken: int, progress: Progress) -> None:
        self._vault, self._taken, self._progress = vault, taken, progress
        self.last = taken

    def __iter__(self) -> Iterator[SoundDocument]:
        for rows in self._vault.iter_descriptions(self._taken):
            if self.last == self._taken:
                self._progress.start("listen for the same sound", None, "files")
            self.last = rows.column("batch")[-1].as_py()
            digests, prints = rows.column("sha256"), rows.column("fingerprint")
            for digest, content in zip(digests.to_pylist(), prints.to_pylist(), strict=True):
                if content:
                    yield SoundDocument(bytes.fromhex(digest), decode_fingerprint(content))
            self._progress.advance(rows.num_rows)


def _noted(
    matches: Iterable[SoundMatch], found: Sounds, noted: list[SoundMatch]
) -> Iterator[SoundMatch]:
    """The matches; those that say that two files are the same are counted, the first ones kept."""
    for match in matches:
        if match.verdict is SoundVerdict.SAME:
            found.counts[FindingCode.AUDIO_SAME_SOUND] += 1
            if len(noted) < FIRST_FINDINGS:
                noted.append(match)
        yield match


def _names(tree: Tree, made: Collection[str], digests: list[str]) -> dict[str, str]:
    """What rows of these imports call the files: ``source:key``. One pass over two columns."""
    found: dict[str, str] = {}
    rows = [each for each in iter_imports(tree) if each.kind == "rows" and each.label in made]
    for each in rows if digests else ():
        for path in each.paths:
            table = pq.read_table(
                path, columns=["source_key", "file_sha256"],
                filters=[("file_sha256", "in", digests)],
            )  # fmt: skip
            for row in table.to_pylist():
                found.setdefault(row["file_sha256"], f"{each.source}:{row['source_key']}")
    return found


def _finding(match: SoundMatch, vault: Vault, names: Mapping[str, str]) -> Finding:
    minutes, seconds = divmod(match.overlap_ms // 1000, 60)
    message = (
        f"{_name(vault, match.sha256)} is the same sound as {_name(vault, match.other)}, "
        f"{match.other}: {match.score:.0%} alike over {minutes}:{seconds:02d}; the next build "
        "makes one recording of both where no code or id of theirs says otherwise"
    )
    where = names.get(match.sha256, match.sha256)
    return Finding(FindingCode.AUDIO_SAME_SOUND, Severity.INFO, where, message)


def _name(vault: Vault, sha256: str) -> str:
    said = vault.description(sha256)
    tags = said.tags if said else {}
    artist, title = (", ".join(tags.get(name, ())) for name in ("artist", "title"))
    words = " – ".join(text for text in (artist, title) if text)
    return f"“{words}”" if words else "a file without a title"
