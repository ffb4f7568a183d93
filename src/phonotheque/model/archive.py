"""The settings of an archive: `archive.toml` as a frozen struct (docs/formats/archive.md)."""

import msgspec

from phonotheque.model.access import AccessSettings
from phonotheque.model.admission import parse_admission
from phonotheque.model.seeding import SeedSettings

DEFAULT_CUTS_PERCENT = (50.0, 80.0, 95.0, 99.0, 99.6, 100.0)
DEFAULT_TERRITORIES = ("US", "EU", "GB", "CA", "JP", "AU", "MX", "ZZ")
TORRENT_FORMS = ("hybrid", "v2")
WITHDRAWN_AUDIO = ("keep", "purge")


class TierSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where tiers end: cumulative share of all listens, in per cent, rising to 100."""

    cuts_percent: tuple[float, ...] = DEFAULT_CUTS_PERCENT


class VolumeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large a volume may grow, and how small one may stay."""

    max_bytes: int = 100_000_000_000
    max_files: int = 30_000
    max_metainfo_bytes: int = 24_000_000  # of the torrent, as estimated; 0: any size
    min_fill_percent: float = 0.0  # less than that waits for the next edition
    hold_editions: int = 3  # after so many it waits no longer
    supersede_withdrawn_percent: float = 25.0  # of a volume: from there it may be made anew; 0: no
    supersede_batch_bytes: int = 100_000_000_000  # withdrawn in all such volumes: then they are
    keep_superseded_editions: int = 12  # so many editions name a superseded volume; 0: all

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or self.max_files < 1:
            raise ValueError("volumes.max_bytes and volumes.max_files must be 1 or more")
        if self.max_metainfo_bytes < 0 or self.hold_editions < 0:
            raise ValueError(
                "volumes.max_metainfo_bytes and volumes.hold_editions must not be below 0"
            )
        if self.supersede_batch_bytes < 0 or self.keep_superseded_editions < 0:
            raise ValueError(
                "volumes.supersede_batch_bytes and volumes.keep_superseded_editions must not be "
                "below 0"
            )
        for name in ("min_fill_percent", "supersede_withdrawn_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"volumes.{name} must be from 0 to 100")


class CatalogueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the catalogue is laid out; fixed once an archive has its first edition."""

    rows_per_shard: int = 4_194_304


class PublishSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes into torrents and files, and where the offline keys are kept."""

    webseeds: tuple[str, ...] = ()  # base URLs; "<base>/volumes/" is what torrents name
    trackers: tuple[str, ...] = ()
    offline_keys: str | None = None  # directory; default: beside the archive
    sqlite: bool = False  # each edition gets its catalogue as one SQLite file as well
    embed_tags: bool = False  # new files go out with the catalogue's tags, the audio untouched


class TorrentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the torrents of new volumes are."""

    form: str = "hybrid"  # v1 and v2, or "v2" alone

    def __post_init__(self) -> None:
        if self.form not in TORRENT_FORMS:
            raise ValueError(f'torrents.form is {self.form!r}; write "hybrid" or "v2"')


class RightsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Choices of the operator that the rights engine asks for."""

    noncommercial: bool = False  # the archive and its mirrors are run without commercial advantage
    territories: tuple[str, ...] = DEFAULT_TERRITORIES
    eu_chi: bool = False  # a library, museum, archive or heritage institution open to the public
    us_108_library: bool = False  # a library or archives in the sense of 17 USC 108
    research_org: bool = False
    accepted_rules: tuple[str, ...] = ()  # rules marked K that the operator relies on
    withdrawn_audio: str = "keep"  # or "purge": what the vault does with what was withdrawn

    def __post_init__(self) -> None:
        if self.withdrawn_audio not in WITHDRAWN_AUDIO:
            raise ValueError(f"withdrawn_audio is {self.withdrawn_audio!r}; write keep or purge")


class VaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the objects of the vault are kept, and how often each is checked."""

    store: str = ""  # s3://BUCKET/PREFIX; empty: the directory vault/ itself
    endpoint: str = ""  # URL of an S3-compatible server; empty: that of AWS for the region
    region: str = ""
    allow_http: bool = False  # an endpoint without TLS, in a network of one's own
    check_days: float = 90.0  # every object is read at least once in so many days

    def __post_init__(self) -> None:
        bucket = self.store.removeprefix("s3://").partition("/")[0]
        if self.store and (not self.store.startswith("s3://") or not bucket):
            raise ValueError(f"vault.store is {self.store!r}; write s3://BUCKET/PREFIX")
        if self.check_days <= 0:
            raise ValueError("vault.check_days is not above 0")


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `archive.toml`. `id` and `id_key` are made at `init` and never change."""

    format: int
    id: str
    id_key: str  # 32 hex digits
    name: str
    slug: str  # lower-case letters, digits and hyphens; begins the names of volumes
    publisher: str
    seat: str
    tiers: TierSettings = TierSettings()
    volumes: VolumeSettings = VolumeSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    publish: PublishSettings = PublishSettings()
    torrents: TorrentSettings = TorrentSettings()
    rights: RightsSettings = RightsSettings()
    vault: VaultSettings = VaultSettings()
    access: AccessSettings = AccessSettings()
    seed: SeedSettings | msgspec.UnsetType = msgspec.UNSET  # outside every hash of settings
    admission: dict[str, str] = {}  # what is done with a file: code of a finding → action

    def __post_init__(self) -> None:
        parse_admission(self.admission)
        tiers = len(self.tiers.cuts_percent)
        if self.access.last_tier > tiers:
            raise ValueError(f"access.tiers names tier {self.access.last_tier} of {tiers}")
