"""What sources say beside rows: of artists, and of release groups."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Extras:
    """Tables, or None. `artists`: `tables.ARTIST_ROWS`; `groups`: group_key, group_year."""

    artists: Any
    groups: Any
