"""The history of the vault: PREMIS events in Parquet batches, each holding the digest of the one
before it (docs/formats/vault.md)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.errors import FormatError, PhonothequeError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.digests import digest_file
from phonotheque.storage.tables import check_schema, write_table
from phonotheque.vault.descriptions import descriptions_path

FIRST_PREVIOUS = "0" * 64
DESCRIPTIONS_KEY = "phonotheque.descriptions"


class EventType(StrEnum):
    """Codes of http://id.loc.gov/vocabulary/preservation/eventType/."""

    FORMAT_IDENTIFICATION = "for"
    VALIDATION = "val"
    MESSAGE_DIGEST = "mes"
    METADATA_EXTRACTION = "mee"
    INGESTION = "ing"
    CREATION = "cre"
    FIXITY_CHECK = "fix"
    RECOVERY = "rec"
    DELETION = "del"
    QUARANTINE = "qua"
    REPLICATION = "rep"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `event` is its number, counted from 1 without gaps, never used twice."""

    event: int
    type: str
    at: datetime
    outcome: str  # success | failure
    detail: str
    agent: str
    sha256: str | None  # the object, 64 hex digits


EVENTS = pa.schema(
    [
        pa.field("event", pa.int64(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("agent", pa.string(), nullable=False),
        pa.field("sha256", pa.string()),
    ]
)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One batch file: its place in the chain and the numbers of its events."""

    sequence: int  # counted from 1
    sha256: str
    first: int
    last: int


def batch_path(root: Path, sequence: int) -> Path:
    """Where batch `sequence` of the vault at `root` stands."""
    return root / "events" / f"{sequence:08d}.parquet"


def write_batch(
    root: Path,
    sequence: int,
    previous: str,
    pages: Iterable[Sequence[Event]],
    *,
    descriptions: str = "",
) -> Batch:
    """Write the events of `pages` (in order of their numbers) durably as batch `sequence`.

    `descriptions` is the SHA-256 (hex) of the descriptions that go with them, "" without any.
    Memory: one page and what Arrow holds of 122,880 rows.
    """
    metadata = {
        "phonotheque.table": "events",
        "phonotheque.format": str(FORMAT_VERSION),
        "phonotheque.sequence": str(sequence),
        "phonotheque.previous": previous,
    }
    if descriptions:
        metadata[DESCRIPTIONS_KEY] = descriptions
    schema = EVENTS.with_metadata(metadata)
    numbers: list[int] = []

    def tables() -> Iterator[pa.Table]:
        for page in pages:
            numbers.extend((page[0].event, page[-1].event))
            rows = [msgspec.structs.asdict(event) for event in page]
            yield pa.Table.from_pylist(rows, schema=schema)

    path = batch_path(root, sequence)
    write_table(path, schema, tables())
    digest = digest_file(path).sha256.hex()
    return Batch(sequence=sequence, sha256=digest, first=numbers[0], last=numbers[-1])


def read_batch(root: Path, sequence: int, previous: str) -> tuple[Batch, pa.Table]:
    """Batch `sequence`, which must follow the batch with the digest `previous`.

    Raises:
        FormatError: unreadable, or not a table of events.
        PhonothequeError: it does not follow `previous`.
    """
    path = batch_path(root, sequence)
    check_schema(path, EVENTS)
    table = pq.read_table(path)
    if (table.schema.metadata or {}).get(b"phonotheque.previous", b"").decode() != previous:
        raise PhonothequeError(
            f"{path}: does not follow the batch before it; the history was changed. Restore "
            "vault/events from a copy"
        )
    numbers = table["event"]
    if not len(numbers):
        raise FormatError(f"{path}: a batch without events")
    first, last = numbers[0].as_py(), numbers[-1].as_py()
    digest = digest_file(path).sha256.hex()
    return Batch(sequence=sequence, sha256=digest, first=first, last=last), table


def described_by(table: pa.Table) -> str:
    """The SHA-256 (hex) of the descriptions that go with a batch; "" where it has none."""
    return str((table.schema.metadata or {}).get(DESCRIPTIONS_KEY.encode(), b"").decode())


def check_events(root: Path, head: Batch | None = None) -> Iterator[Finding]:
    """Follow the chain of the vault at `root`; `head` is the last batch known to the state.

    A batch that was changed shows in the one after it, the last one against `head`; descriptions
    show in the batch that names their digest, and are read whole.
    """
    previous, following, sequence = FIRST_PREVIOUS, 1, 1
    last = max((int(path.stem) for path in batch_files(root)), default=0)
    last = max(last, head.sequence if head else 0)
    for sequence in range(1, last + 1):
        path = batch_path(root, sequence)
        if not path.exists():
            yield _finding(FindingCode.TABLE_MISSING, path, "this batch of events is missing")
            return
        try:
            batch, table = read_batch(root, sequence, previous)
        except PhonothequeError as error:
            yield _finding(FindingCode.TABLE_DAMAGED, path, str(error))
            return
        if table["event"].to_pylist() != list(range(following, following + len(table))):
            message = f"its events are not numbered from {following} without gaps"
            yield _finding(FindingCode.TABLE_DAMAGED, path, message)
        if head and sequence == head.sequence and batch.sha256 != head.sha256:
            message = "it is not the batch that was written; restore it from a copy"
            yield _finding(FindingCode.TABLE_DAMAGED, path, message)
        if digest := described_by(table):
            yield from _check_descriptions(descriptions_path(root, sequence), digest)
        previous, following = batch.sha256, batch.last + 1


def _check_descriptions(path: Path, digest: str) -> Iterator[Finding]:
    try:
        sound = digest_file(path).sha256.hex() == digest
    except FileNotFoundError:
        yield _finding(FindingCode.TABLE_MISSING, path, "these descriptions are missing")
        return
    except OSError as error:
        message = f"cannot be read ({error.strerror}); not checked"
        yield _finding(FindingCode.COPY_NOT_CHECKED, path, message)
        return
    if not sound:
        message = "not the descriptions that were written; restore them from a copy"
        yield _finding(FindingCode.TABLE_DAMAGED, path, message)


def batch_files(root: Path) -> list[Path]:
    """The batch files of the vault at `root`, in order."""
    return sorted(p for p in (root / "events").glob("*.parquet") if p.stem.isdigit())


def _finding(code: FindingCode, path: Path, message: str) -> Finding:
    return Finding(code, Severity.ERROR, str(path), message)
