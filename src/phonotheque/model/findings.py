"""Findings: coded statements of damage or doubt.

A finding is a value, not an exception: the job was done, and this is what it saw. Every code has
one entry in docs/findings.md and at least one test that provokes it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: `info` is worth knowing, `warning` is doubt, `error` is loss."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class FindingCode(StrEnum):
    """Stable codes. Never reuse or rename one: reports and tests are kept for years."""

    # input rows
    ROW_UNREADABLE = "row.unreadable"
    ROW_NO_TITLE = "row.no-title"
    ROW_NO_KEY = "row.no-key"
    ROW_DUPLICATE_KEY = "row.duplicate-key"
    ROW_BAD_NUMBER = "row.bad-number"
    ROW_NO_TRACKS = "row.no-tracks"
    ROW_VIDEO = "row.video"
    ISRC_MALFORMED = "isrc.malformed"
    ISRC_NO_TRACK = "isrc.no-track"
    ISRC_UNKNOWN_PREFIX = "isrc.unknown-prefix"
    ISRC_PLACEHOLDER = "isrc.placeholder"
    IDENTITY_AMBIGUOUS = "identity.ambiguous"
    IDENTITY_SOUND_CONFLICT = "identity.same-sound-conflict"
    ISRC_CONFLICT = "isrc.conflict"
    LISTENS_LEFT_OUT = "listens.left-out"
    LISTENS_UNMATCHED = "listens.unmatched"
    # input files
    FILE_UNREADABLE = "file.unreadable"
    FILE_UNKNOWN_FORMAT = "file.unknown-format"
    FILE_UNPORTABLE_NAME = "file.unportable-name"
    FILE_WRONG_EXTENSION = "file.wrong-extension"
    AUDIO_DRM = "audio.drm"
    AUDIO_UNPARSEABLE = "audio.unparseable-container"
    AUDIO_DECODE_FAILED = "audio.decode-failed"
    AUDIO_TRUNCATED = "audio.truncated"
    AUDIO_MD5_MISMATCH = "audio.md5-mismatch"
    AUDIO_WRONG_HEADER = "audio.wrong-header"
    AUDIO_NO_AUDIO = "audio.no-audio"
    AUDIO_LIMIT = "audio.limit-exceeded"
    AUDIO_PERSONAL_DATA = "audio.personal-data"
    AUDIO_LOST_SYNC = "audio.lost-sync"
    AUDIO_OTHER_STREAMS = "audio.other-streams"
    AUDIO_SILENT = "audio.silent"
    AUDIO_CLIPPED = "audio.clipped"
    AUDIO_NO_FINGERPRINT = "audio.no-fingerprint"
    AUDIO_SAME_SOUND = "audio.same-sound"
    TAGS_UNREADABLE = "tags.unreadable"
    TAGS_REPAIRED = "tags.repaired"
    TAGS_PICTURE_LEFT_OUT = "tags.picture-left-out"
    # rights
    RIGHTS_NO_EVIDENCE = "rights.no-evidence"
    RIGHTS_REVIEW = "rights.needs-review"
    RIGHTS_DENIED = "rights.denied"
    RIGHTS_CONFLICT = "rights.conflict"
    RIGHTS_UNREADABLE = "rights.unreadable"
    RIGHTS_CLAIM_LOST = "rights.claim-lost"
    # held copies
    COPY_MISSING = "copy.missing"
    COPY_DAMAGED = "copy.damaged"
    COPY_EXTRA = "copy.extra"
    COPY_NOT_CHECKED = "copy.not-checked"
    COPY_CHECK_OVERDUE = "copy.check-overdue"
    COPY_WITHDRAWN = "copy.withdrawn"
    COPY_NOT_MADE = "copy.not-made"
    COPY_NOT_TAGGED = "copy.not-tagged"
    TABLE_DAMAGED = "table.damaged"
    TABLE_MISSING = "table.missing"
    LEDGER_DAMAGED = "ledger.damaged"
    LEDGER_MISSING = "ledger.missing"
    # an edition as a whole
    EDITION_BAG = "edition.bag"
    EDITION_PLACES = "edition.places"
    EDITION_PLANNING = "edition.planning"
    EDITION_REFERENCE = "edition.reference"
    EDITION_SIGNATURE = "edition.signature"
    EDITION_TORRENT = "edition.torrent"
    # a catalogue as a whole
    CATALOGUE_COUNT = "catalogue.count"
    CATALOGUE_DUPLICATE_KEY = "catalogue.duplicate-key"
    CATALOGUE_IDENTIFIER = "catalogue.identifier"
    CATALOGUE_LISTENS_FELL = "catalogue.listens-fell"
    CATALOGUE_NULLS_ROSE = "catalogue.nulls-rose"
    CATALOGUE_ORDER = "catalogue.order"
    CATALOGUE_RANGE = "catalogue.range"
    CATALOGUE_REDIRECT = "catalogue.redirect"
    CATALOGUE_REFERENCE = "catalogue.reference"
    CATALOGUE_ROWS_LOST = "catalogue.rows-lost"
    CATALOGUE_STANDING = "catalogue.standing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement: what (`code`), where (`where`, and `row` counted from 1), and in words.

    `where` is a path or an id that the reader can act on; `message` ends with the way out where
    there is one.
    """

    code: FindingCode
    severity: Severity
    where: str
    message: str
    row: int | None = None

    def as_dict(self) -> dict[str, str | int | None]:
        """The finding as plain JSON values."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "where": self.where,
            "row": self.row,
            "message": self.message,
        }
