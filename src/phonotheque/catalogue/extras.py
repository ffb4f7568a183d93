"""What sources say beside rows: of artists, and of release groups."""

from dataclasses import dataclass
from typing import Any

from phonotheque.catalogue.claimed import Claims


@dataclass(frozen=True, slots=True)
class Extras:
    """Tables, or None. `artists`: `tables.ARTIST_ROWS`; `groups`: group_key, group_year.
    `claims`: what the operator recorded on recordings."""

    artists: Any
    groups: Any
    claims: Claims
