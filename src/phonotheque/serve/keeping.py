"""How a file is kept here: its life in an archive's vault, or when a mirror read it last."""

from dataclasses import dataclass
from datetime import datetime

from phonotheque.serve.publication import Publication

_EVENTS = {
    "for": "its format was identified",
    "val": "it was decoded whole",
    "mes": "its digest was computed",
    "mee": "its tags were read",
    "ing": "it was admitted",
    "cre": "it was made from its master",
    "fix": "its bytes were read and compared with the digest",
    "rec": "it was mended from another copy",
    "rep": "it was replicated",
    "qua": "it was set aside",
}
_OUTCOMES = {"success": "", "failure": "it was not as it should be"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done with a file, in words."""

    at: datetime
    text: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Kept:
    """`steps` oldest first; `checked_at`: when the bytes were read last, by this archive or mirror.
    `master`: sha256 of what the vault keeps, where the published file was made from it."""

    checked_at: datetime | None
    steps: list[Step]
    master: str | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong when it was looked at last."""
        return not self.steps or self.steps[-1].outcome in ("", "sound")


def kept_here(publication: Publication, volume: str, path: str, sha256: str) -> Kept | None:
    """What is known of a published file; None where neither vault nor mirror knows of it."""
    tree = publication.tree
    if tree.mirror_toml.is_file():
        return _in_mirror(publication, f"volumes/{volume}/{path}")
    if not (tree.vault / "state.sqlite").is_file():
        return None
    from phonotheque.vault import read_life  # noqa: PLC0415 - decoders come with it; archives only

    row = publication.rights_row(volume, path) or {}
    master = row.get("derived_from")
    life = read_life(tree.vault, master or sha256)
    if life is None:
        return None
    steps = [
        Step(e.at, _EVENTS.get(e.type, e.type), _OUTCOMES.get(e.outcome, e.outcome))
        for e in life.events
    ]
    return Kept(life.checked_at, steps, master)


def _in_mirror(publication: Publication, place: str) -> Kept | None:
    from phonotheque.mirror import read_proved  # noqa: PLC0415 - a large room, for mirrors only

    proved = read_proved(publication.tree, place)
    return None if proved is None else Kept(proved.verified_at, [])
