"""Tags of audio files in one form, whatever container they came in.

Tag names are compared by their letters and digits alone, so ``MusicBrainz Album Id`` (ID3, MP4)
and ``MUSICBRAINZ_ALBUMID`` (Vorbis comments) are one. Beware: what Picard writes as
``MUSICBRAINZ_TRACKID`` is the id of the *recording* (https://picard-docs.musicbrainz.org, tag
mapping), and ID3 has it in ``UFID:http://musicbrainz.org``.
"""

import re
from dataclasses import dataclass, field

_YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags by canonical name; `duration_ms` is what the container claims, 0 if it says nothing."""

    values: dict[str, list[str]] = field(default_factory=dict)
    duration_ms: int = 0

    def first(self, *names: str) -> str | None:
        """The first value of the first of `names` that has one."""
        return next((v for name in names for v in self.values.get(name, [])), None)

    def all(self, *names: str) -> list[tuple[str, str]]:
        """Every (name, value) of `names`."""
        return [(name, v) for name in names for v in self.values.get(name, [])]

    @property
    def year(self) -> int | None:
        """The year of the release as tagged."""
        match = _YEAR.search(self.first("date", "year", "originalreleasetime") or "")
        return int(match[1]) if match else None

    def number(self, name: str, limit: int) -> int | None:
        """The number before the slash of ``15/17``, from 1 to `limit`."""
        text = (self.first(name) or "").split("/")[0].strip()
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        return value if 1 <= value <= limit else None
