"""What the vault says about the audio it keeps."""

import msgspec


class VaultObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object: the digests it is known by and the facts its examination found.

    `sha256` and `pieces_root` are 64 hex digits; `bits` is 0 for lossy audio.
    """

    sha256: str
    bytes: int
    pieces_root: str
    puid: str
    media_type: str
    extension: str
    codec: str
    duration_ms: int
    sample_rate_hz: int
    channels: int
    bits: int
    lossless: bool


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What `Vault.admit` did. `already_held`: the vault had these bytes, nothing was written."""

    sha256: str
    bytes: int
    pieces_root: str
    already_held: bool
