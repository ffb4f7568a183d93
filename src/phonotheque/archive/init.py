"""Making an archive: settings, directories, keys, and metadata that says "nothing yet".

`archive.toml` is written last: where it stands, the archive is complete, and `init` leaves it
alone. An `init` that was cut short is completed by the next one; keys once made are kept.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import uuid4

import msgspec

from phonotheque.edition import OfflineKeys, init_repository
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.edition import Revocations
from phonotheque.model.errors import UsageError
from phonotheque.model.progress import Progress
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.documents import format_document, read_settings, write_document
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_SLUG = 32
_FOLDERS = ("sources", "vault", "catalogue", "editions", "volumes", "metadata", "online-keys")


class InitPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `init` would make. `exists`: the archive is there already, nothing will be touched."""

    root: str
    offline_keys: str
    exists: bool
    settings: ArchiveSettings


class InitReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `init` did. `root_sha256` is the fingerprint that mirrors may pin."""

    root: str
    id: str
    slug: str
    offline_keys: str
    online_keys: str
    created: bool
    root_sha256: str


def plan_init(
    root: Path,
    *,
    name: str,
    publisher: str,
    seat: str,
    slug: str | None = None,
    keys_dir: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> InitPlan:
    """Plan an archive at `root`. `seat` is an ISO 3166 country; `slug` is made from `name`.

    `overrides` are tables of archive.toml by name ({"volumes": {"max_files": 100}}).

    Raises:
        UsageError: a name that is empty, a slug, seat or setting that is not allowed, or a
            directory that holds something else.
    """
    root = root.absolute()
    tree = Tree(root)
    if tree.archive_toml.exists():
        settings = read_settings(tree)
        keys = keys_dir or _offline_keys(tree, settings)
        return InitPlan(root=str(root), offline_keys=str(keys), exists=True, settings=settings)
    _check_free(root)
    keys = (keys_dir or tree.offline_keys).absolute()
    if keys.is_relative_to(root):
        raise UsageError(f"{keys}: offline keys are not kept in the archive; name another place")
    settings = _settings(name, publisher, seat, slug, overrides or {})
    if keys_dir is not None:
        publish = msgspec.structs.replace(settings.publish, offline_keys=str(keys))
        settings = msgspec.structs.replace(settings, publish=publish)
    return InitPlan(root=str(root), offline_keys=str(keys), exists=False, settings=settings)


def execute_init(
    plan: InitPlan, passphrase: bytes | None, now: datetime, progress: Progress
) -> InitReport:
    """Make the archive, or finish one that was begun; an existing one is left as it is."""
    tree = Tree(Path(plan.root))
    with writing(tree.root):
        if not tree.archive_toml.exists():
            progress.start("keys and metadata", None, "")
            for folder in _FOLDERS:
                ensure_directory(tree.root / folder)
            nothing = Revocations(format=FORMAT_VERSION, sequence=0, files=[])
            keys = OfflineKeys(Path(plan.offline_keys), passphrase)
            init_repository(tree, keys, format_document(nothing), now)
            write_document(tree.archive_toml, plan.settings)
        else:
            progress.note(f"{tree.root}: there is an archive already; nothing was changed")
    return _report(tree, plan)


def offline_keys(
    tree: Tree, settings: ArchiveSettings, keys_dir: Path | None, passphrase: bytes | None
) -> OfflineKeys:
    """Where to look for the offline keys: `keys_dir`, else the settings, else beside."""
    return OfflineKeys(keys_dir or _offline_keys(tree, settings), passphrase)


def _offline_keys(tree: Tree, settings: ArchiveSettings) -> Path:
    named = settings.publish.offline_keys
    return Path(named) if named else Tree(tree.root.absolute()).offline_keys


def _report(tree: Tree, plan: InitPlan) -> InitReport:
    settings = read_settings(tree)
    return InitReport(
        root=plan.root,
        id=settings.id,
        slug=settings.slug,
        offline_keys=plan.offline_keys,
        online_keys=str(tree.online_keys),
        created=not plan.exists,
        root_sha256=sha256((tree.metadata / "1.root.json").read_bytes()).hexdigest(),
    )


def _check_free(root: Path) -> None:
    """Only an empty place, or what a cut-short `init` leaves, may become an archive."""
    if not root.exists():
        return
    if not root.is_dir():
        raise UsageError(f"{root}: not a directory; name another place")
    known = {*_FOLDERS, ".lock", "revocations.json"}
    strange = sorted(p.name for p in root.iterdir() if p.name not in known and p.name[:1] != ".")
    if strange:
        raise UsageError(f"{root}: holds {strange[0]!r}; an archive begins in an empty directory")


def _settings(
    name: str, publisher: str, seat: str, slug: str | None, overrides: Mapping[str, Any]
) -> ArchiveSettings:
    if not name.strip() or not publisher.strip():
        raise UsageError("an archive needs a name and a publisher")
    if not re.fullmatch(r"[A-Z]{2}", seat):
        raise UsageError(f"{seat!r} is no country; write two capitals of ISO 3166, for example DE")
    slug = slug or make_slug(name)
    if not _SLUG.fullmatch(slug) or len(slug) > _MAX_SLUG:
        raise UsageError(
            f"{slug!r} is no slug: lower-case letters, digits and single hyphens, at most "
            f"{_MAX_SLUG} characters"
        )
    fixed = {"format": FORMAT_VERSION, "id": str(uuid4()), "id_key": token_hex(16)}
    named = {"name": name, "slug": slug, "publisher": publisher, "seat": seat}
    try:
        return msgspec.convert({**overrides, **fixed, **named}, ArchiveSettings, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"settings: {error}") from error


def make_slug(name: str) -> str:
    """A slug out of a name; "archive" where no ASCII letter or digit is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return slug[:_MAX_SLUG].strip("-") or "archive"
