"""What is given out in place of masters: the table `[access]` of archive.toml
(docs/access-copies.md). Values only; what is made of them is for the vault and the archive."""

import re
from enum import StrEnum

import msgspec

MIN_KBPS, MAX_KBPS = 16, 510
_ORIGINAL = "original"
_OPUS = re.compile(r"opus (?P<kbps>[1-9][0-9]{1,2})k")
_TIERS = re.compile(r"(?P<first>[1-9][0-9]?)(-(?P<last>[1-9][0-9]?))?")


class Lossy(StrEnum):
    """What becomes of masters that are lossy already, where a tier asks for copies."""

    KEEP = "keep"  # they are given out as they are
    TRANSCODE = "transcode"  # encoded once more, and every record of the copy says so


class CopyForm(msgspec.Struct, frozen=True):
    """Opus with `kbps` thousand bits a second for two channels, half of it for each channel."""

    kbps: int

    @property
    def text(self) -> str:
        """As archive.toml has it: ``opus 96k``."""
        return f"opus {self.kbps}k"


class AccessSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tiers`: "4" or "4-5" → "original" or "opus 96k"; tiers that are not named: original."""

    tiers: dict[str, str] = {}
    lossy: Lossy = Lossy.KEEP

    def __post_init__(self) -> None:
        _parse(self.tiers)

    @property
    def forms(self) -> dict[int, CopyForm]:
        """The form of each tier that does not give out its originals."""
        return {tier: form for tier, form in _parse(self.tiers).items() if form is not None}

    @property
    def last_tier(self) -> int:
        """The highest tier that is named; 0 for none."""
        return max(_parse(self.tiers), default=0)


def parse_form(text: str) -> CopyForm | None:
    """The form that ``opus 96k`` names; None for ``original``.

    Raises:
        ValueError: it is neither, or a bit rate that Opus has not.
    """
    if text == _ORIGINAL:
        return None
    match = _OPUS.fullmatch(text)
    if match is None or not MIN_KBPS <= int(match["kbps"]) <= MAX_KBPS:
        raise ValueError(
            f"access: {text!r} is no form of copy; write original, or opus with a bit rate from "
            f'{MIN_KBPS}k to {MAX_KBPS}k, as "opus 96k"'
        )
    return CopyForm(int(match["kbps"]))


def _parse(tiers: dict[str, str]) -> dict[int, CopyForm | None]:
    found: dict[int, CopyForm | None] = {}
    for name, text in tiers.items():
        match = _TIERS.fullmatch(name)
        first = int(match["first"]) if match else 0
        last = int(match["last"] or first) if match else -1
        if last < first:
            raise ValueError(f'access.tiers: {name!r} names no tiers; write "4" or "4-5"')
        for tier in range(first, last + 1):
            if tier in found:
                raise ValueError(f"access.tiers: tier {tier} is named twice; name it once")
            found[tier] = parse_form(text)
    return found
