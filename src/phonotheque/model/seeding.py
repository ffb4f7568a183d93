"""How to seed: `[seed]` of `mirror.toml` or `archive.toml` (docs/mirroring.md)."""

import msgspec


class SeedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Memory, rates and ways of a seeder. `dht`, `lsd`, `pex` and `trackers` count only where
    peers may be looked for at all (`--public`)."""

    memory_bytes: int = 1 << 30  # that torrents may take; the program itself comes on top
    upload_bytes_per_second: int | None = None  # None: as fast as it goes
    connections: int = 200  # of peers, together
    uploads: int = 32  # peers given to at one time
    rotate_minutes: float = 30.0  # after so long a torrent that nobody asks for makes room
    spot_checks: int = 2  # files of a volume that are read when it is loaded
    dht: bool = True
    lsd: bool = True
    pex: bool = True
    trackers: bool = True

    def __post_init__(self) -> None:
        if self.memory_bytes < 1 or self.connections < 1 or self.uploads < 1:
            raise ValueError("seed.memory_bytes, seed.connections and seed.uploads must be above 0")
        if self.upload_bytes_per_second is not None and self.upload_bytes_per_second < 1:
            raise ValueError("seed.upload_bytes_per_second must be above 0")
        if self.rotate_minutes <= 0 or self.spot_checks < 0:
            raise ValueError("seed.rotate_minutes must be above 0, seed.spot_checks not below")
