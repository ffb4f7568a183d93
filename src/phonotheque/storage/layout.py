"""Where things stand in an archive or a mirror (docs/formats/archive.md). Paths only, no I/O."""

from dataclasses import dataclass, field
from pathlib import Path

from phonotheque.storage.stores import StoreKeys


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree below `root`. A mirror is the same tree less `sources`, `vault` and `catalogue`.

    `keys` open the object storage that keeps the vault's objects, where it is not a directory.
    """

    root: Path
    keys: StoreKeys | None = field(default=None, repr=False, compare=False)

    @property
    def archive_toml(self) -> Path:
        return self.root / "archive.toml"

    @property
    def mirror_toml(self) -> Path:
        return self.root / "mirror.toml"

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def acoustic(self) -> Path:
        """The index of fingerprints (docs/formats/acoustic.md): derived from descriptions."""
        return self.vault / "acoustic"

    @property
    def catalogue(self) -> Path:
        return self.root / "catalogue"

    @property
    def editions(self) -> Path:
        return self.root / "editions"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    @property
    def metadata(self) -> Path:
        """The TUF repository."""
        return self.root / "metadata"

    @property
    def ceremony(self) -> Path:
        """Metadata that waits for signatures."""
        return self.root / "ceremony"

    @property
    def latest_json(self) -> Path:
        return self.root / "latest.json"

    @property
    def feed_atom(self) -> Path:
        return self.root / "feed.atom"

    @property
    def revocations_json(self) -> Path:
        return self.root / "revocations.json"

    @property
    def notices(self) -> Path:
        """Cases of notices, as everybody may see them."""
        return self.root / "notices"

    @property
    def online_keys(self) -> Path:
        return self.root / "online-keys"

    @property
    def offline_keys(self) -> Path:
        """Default place of the offline keys: beside the archive, never in it."""
        return self.root.with_name(self.root.name + "-OFFLINE-KEYS")

    @property
    def state(self) -> Path:
        """Default place of what a server keeps of its users: beside the tree, never in it."""
        root = self.root.absolute()
        return root.with_name(root.name + "-STATE")

    @property
    def index(self) -> Path:
        return self.root / "index"

    def edition(self, name: str) -> Path:
        return self.editions / name

    def edition_index(self, name: str) -> Path:
        return self.index / name

    def edition_statistics(self, name: str) -> Path:
        """Derived like the index; no edition has such a name."""
        return self.index / f"{name}_statistics"

    def volume(self, name: str) -> Path:
        return self.volumes / name
