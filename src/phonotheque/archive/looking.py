"""Looking at the files of a folder before anything is decided: read once and examined ahead, in
threads and workers, handed over in order. What is held or was kept out, unchanged, is not read."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial

from phonotheque.archive.door import is_protected, judge_at_door
from phonotheque.model.admission import Action, Table
from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources import AudioFile
from phonotheque.vault import (
    MEMORY_BYTES,
    Examination,
    Examiner,
    Link,
    Material,
    Vault,
    iter_in_order,
)

READ_AHEAD = 2  # threads that read while the others wait for workers


@dataclass(slots=True)
class Looked:
    """One file, and what is known of it.

    `held`: the digest under which the vault has it. `material`: its bytes, where they were read.
    `examination`: of now, or (`again`) of an earlier run that did not admit it. `tags`: what it
    says of itself, where it was not examined now. `unread`: why the bytes could not be taken.
    """

    file: AudioFile
    held: str | None = None
    material: Material | None = None
    examination: Examination | None = None
    again: bool = False
    tags: Examination | None = None
    unread: Finding | None = None

    def close(self) -> None:
        """Let go of the bytes."""
        if self.material is not None:
            self.material.close()


class Looking:
    """Looks at files of the source named `source`, for the vault."""

    def __init__(
        self, vault: Vault, examiner: Examiner, source: str, *, table: Table, link: Link
    ) -> None:
        self._vault = vault
        self._examiner = examiner
        self._source = source
        self._table = table
        self._link = link

    def iter_looked(self, files: Iterable[AudioFile]) -> Generator[Looked, None, None]:
        """All `files`, in order. In memory: a few files of at most 64 MiB."""
        yield from iter_in_order(
            map(self._job, files),
            threads=self._examiner.workers + READ_AHEAD,
            bounds=self._examiner.bounds,
            drop=Looked.close,
            hurry=self._examiner.hurry,
        )

    def _job(self, file: AudioFile) -> tuple[int, Callable[[], Looked]]:
        """What is to be done for a file, and the bytes it will hold of memory."""
        place = (self._source, file.key, file.size_bytes, file.mtime_ns)
        held = self._vault.seen(*place)
        if held is not None and self._vault.store.size(held) is not None:
            return 0, partial(self._read_tags, Looked(file, held=held))
        refused = self._vault.refused(*place)
        if refused is not None and self._does_as_before(refused, place):
            return 0, partial(self._read_tags, Looked(file, examination=refused, again=True))
        in_memory = self._link is Link.COPY and file.size_bytes <= MEMORY_BYTES
        return file.size_bytes if in_memory else 0, partial(self.look, file)

    def _does_as_before(self, refused: Examination, place: tuple[str, str, int, int]) -> bool:
        """Whether the policy of today does with it what was done. What it lets in was kept out by
        the rules of rights, which are asked again without the bytes."""
        action = judge_at_door(refused, self._table).action
        if action is Action.QUARANTINE:
            return self._vault.is_quarantined(*place)
        was_sound = all(f.severity is not Severity.ERROR for f in refused.findings)
        return action is Action.REFUSE or was_sound

    def _read_tags(self, looked: Looked) -> Looked:
        """Of what is not decoded again. In a thread."""
        if looked.examination is None or not is_protected(looked.examination.findings):
            looked.tags = self._examiner.read_tags(looked.material or looked.file.path)
        return looked

    def look(self, file: AudioFile) -> Looked:
        """Read a file and examine it, unless the vault has these bytes. In any thread."""
        try:
            material = self._vault.take(file.path, self._link)
        except InputError as error:
            why = Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, file.key, str(error))
            return Looked(file, unread=why)
        try:
            if self._vault.holds(material.sha256, material.size_bytes):
                return self._read_tags(Looked(file, held=material.sha256, material=material))
            return Looked(file, material=material, examination=self._examiner.examine(material))
        except BaseException:
            material.close()
            raise
