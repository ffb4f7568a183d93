"""The columns of every Parquet table of the archive. docs/formats/ says what each one means.

These schemas are the contract between rooms. A column is never renamed or given another meaning;
a new one may be missing in files of the same format version (`forms_of`) and is nullable.
"""

from phonotheque.model.tables.catalogue import (
    ARTISTS,
    MERGED_IDS,
    RECORDING_FILES,
    RECORDINGS,
    REDIRECTS,
    REGISTRY,
    RELEASES,
    STANDING,
    TRACKS,
)
from phonotheque.model.tables.editions import (
    AI_TRAINING,
    CHANGES,
    FILES,
    PLANNING,
    PLANNING_LISTENS,
    SIGNAL,
    TOMBSTONES,
    VOLUMES,
    WAITING,
)
from phonotheque.model.tables.forms import (
    COPIES,
    EVIDENCE,
    EVIDENCE_BEFORE,
    FORMAT_VERSION,
    SUPERSEDING,
    earlier,
    forms_of,
    without,
)
from phonotheque.model.tables.imports import (
    ARTIST_ROWS,
    CLAIM_ROWS,
    CREDITED,
    FINDINGS,
    GONE,
    GROUP_ROWS,
    LISTENS,
    MBID_REDIRECTS,
    ROWS,
)

__all__ = [
    "AI_TRAINING",
    "ARTISTS",
    "ARTIST_ROWS",
    "CHANGES",
    "CLAIM_ROWS",
    "COPIES",
    "CREDITED",
    "EVIDENCE",
    "EVIDENCE_BEFORE",
    "FILES",
    "FINDINGS",
    "FORMAT_VERSION",
    "GONE",
    "GROUP_ROWS",
    "LISTENS",
    "MBID_REDIRECTS",
    "MERGED_IDS",
    "PLANNING",
    "PLANNING_LISTENS",
    "RECORDINGS",
    "RECORDING_FILES",
    "REDIRECTS",
    "REGISTRY",
    "RELEASES",
    "ROWS",
    "SIGNAL",
    "STANDING",
    "SUPERSEDING",
    "TOMBSTONES",
    "TRACKS",
    "VOLUMES",
    "WAITING",
    "earlier",
    "forms_of",
    "without",
]
