"""How an access copy is made: what a master of this kind becomes, and the text that names it.

Pure. The rules are in docs/access-copies.md.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from phonotheque.vault.objects import VaultObject

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
MAX_CHANNELS = 8
METHOD = 1
"""Counted up when the same settings and libraries would give other bytes."""


class OpusForm(msgspec.Struct, frozen=True):
    """Opus with `kbps` thousand bits a second for two channels."""

    kbps: int

    @property
    def text(self) -> str:
        """What every recipe of this form begins with."""
        return f"opus {self.kbps}k"


class TagForm(msgspec.Struct, frozen=True):
    """The master's own audio with tags of which `digest` is known (16 hex digits)."""

    digest: str

    @property
    def text(self) -> str:
        """What every recipe of this form begins with."""
        return f"tags {self.digest}"


CopyForm = OpusForm | TagForm


class OpusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the encoder is told for one master."""

    bits_per_second: int  # of all channels
    rate_hz: int  # what the encoder is fed with; one of OPUS_RATES_HZ
    source_rate_hz: int
    channels: int


def choose_settings(item: VaultObject, form: OpusForm, *, lossy: bool) -> OpusSettings | None:
    """What makes a copy of `item`; None where the master itself is to be given out.

    That is: it is lossy and `lossy` masters are not to be encoded again, it has more channels
    than Opus names places for, or it takes no more bits a second than the copy would.
    """
    wanted = form.kbps * 500 * item.channels
    if not (item.lossless or lossy) or not 1 <= item.channels <= MAX_CHANNELS:
        return None
    if item.bytes * 8_000 <= wanted * item.duration_ms or not item.sample_rate_hz:
        return None
    return OpusSettings(
        bits_per_second=wanted,
        rate_hz=opus_rate(item.sample_rate_hz),
        source_rate_hz=item.sample_rate_hz,
        channels=item.channels,
    )


def opus_rate(rate_hz: int) -> int:
    """The lowest rate of Opus that holds all of a source's band: below 48 kHz never one that
    would let the copy look like more than its source."""
    return next((rate for rate in OPUS_RATES_HZ if rate >= rate_hz), OPUS_RATES_HZ[-1])


def estimated_bytes(settings: OpusSettings, duration_ms: int) -> int:
    """What a copy will take, about: measured at 0.8 to 1.1 of it."""
    return settings.bits_per_second * duration_ms // 8_000 + 4_096


def tagged_bytes(master_bytes: int) -> int:
    """What a master with tags will take, about."""
    return master_bytes + 1_024


def tag_form(tags: Sequence[tuple[str, str]]) -> TagForm:
    """The form that has these tags: (NAME, value), in order."""
    return TagForm(sha256(msgspec.json.encode(tags)).hexdigest()[:16])


def format_recipe(form: CopyForm, encoder: str) -> str:
    """Form, method, encoder and versions: equal masters and recipes give equal bytes."""
    return f"{form.text}/{METHOD}; {encoder}"


def is_of_form(recipe: str, form: CopyForm) -> bool:
    """Whether a copy of this recipe is of the form, whatever encoder made it."""
    return recipe.partition("/")[0] == form.text
