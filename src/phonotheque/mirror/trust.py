"""Trust in an origin: TUF 1.0 through python-tuf's own client, with a pinned or met root.

What is kept in ``metadata/``: `trust-anchor.json`, the root first met (its SHA-256 is the
fingerprint in `mirror.toml`); the client's state (`timestamp.json`, …, `root_history/`); and the
same documents under the names an origin gives them (`3.snapshot.json`), so that a mirror can be
the origin of another.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, gettempdir
from typing import TypeVar

import msgspec
from tuf.api import exceptions as tuf_errors
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from phonotheque.mirror.origin import MissingError, Origin, read_all
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import TransferError, TrustError
from phonotheque.storage.documents import parse_document
from phonotheque.storage.durable import ensure_directory, write_bytes

ANCHOR = "trust-anchor.json"
MAX_ROOT_BYTES = 512_000
MAX_ROOTS = 1024
_SCHEME = "origin:/"
_ATTEMPTS = 2
_EDITION_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
D = TypeVar("D", bound=msgspec.Struct)


class OriginFetcher(FetcherInterface):
    """Gives python-tuf's client the files of an `Origin`."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield from self._origin.read(url.removeprefix(_SCHEME))
        except MissingError as error:
            raise tuf_errors.DownloadHTTPError(str(error), 404) from error
        except TransferError as error:
            raise tuf_errors.DownloadError(str(error)) from error


def read_first_root(origin: Origin, fingerprint: str | None) -> bytes:
    """The root to begin with: the one whose SHA-256 is `fingerprint`, else the origin's newest.

    Raises:
        TransferError: the origin has no metadata or is out of reach.
        TrustError: no root of the origin has that fingerprint.
    """
    newest = read_all(origin, "metadata/root.json", MAX_ROOT_BYTES)
    if fingerprint is None or sha256(newest).hexdigest() == fingerprint.lower():
        return newest
    for version in range(1, MAX_ROOTS):
        try:
            older = read_all(origin, f"metadata/{version}.root.json", MAX_ROOT_BYTES)
        except MissingError:
            break
        if sha256(older).hexdigest() == fingerprint.lower():
            return older
    raise TrustError(
        f"{origin.address}: no root of this origin has the fingerprint {fingerprint}; either the "
        "fingerprint is mistyped or this is not the archive you mean"
    )


class Trust:
    """What `origin` signed, checked against the anchor in `metadata`.

    Nothing is refreshed until `refresh`; a failed refresh leaves the state as it was. A signed file
    that lies below `held` under its path already, with the digest that is signed, is not fetched.
    """

    def __init__(
        self, origin: Origin, metadata: Path, anchor: bytes, held: Path | None = None
    ) -> None:
        self._origin = origin
        self._metadata = metadata
        self._anchor = anchor
        self._held = held
        self._updater: Updater | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the anchor, 64 hex digits."""
        return sha256(self._anchor).hexdigest()

    @property
    def anchor(self) -> bytes:
        """The root everything hangs on."""
        return self._anchor

    def refresh(self) -> None:
        """Bring the metadata up to date, once more when the origin changed meanwhile.

        Raises:
            TransferError: the origin is out of reach.
            TrustError: a signature, version, digest or date does not hold.
        """
        ensure_directory(self._metadata)
        for attempt in range(_ATTEMPTS):
            try:
                self._refresh_once()
                return
            except TrustError:
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _refresh_once(self) -> None:
        with _explained(self._origin.address, self._metadata):
            self._updater = Updater(
                str(self._metadata),
                f"{_SCHEME}metadata/",
                target_base_url=_SCHEME,
                fetcher=OriginFetcher(self._origin),
                config=UpdaterConfig(prefix_targets_with_hash=False),
                bootstrap=self._anchor,
            )
            self._updater.refresh()
            self._updater.get_targetinfo("revocations.json")
        publish_names(self._metadata)

    def target(self, path: str) -> bytes | None:
        """The signed file `path`, or None when the archive does not sign one of that name.

        Raises:
            TransferError, TrustError: as `refresh`.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._target_once(path)
            except TrustError:
                if attempt + 1 == _ATTEMPTS:
                    raise
                self._refresh_once()
        raise AssertionError("unreachable")

    def _target_once(self, path: str) -> bytes | None:
        if self._updater is None:
            self._refresh_once()
        assert self._updater is not None
        with _explained(self._origin.address, self._metadata), TemporaryDirectory() as scratch:
            info = self._updater.get_targetinfo(path)
            if info is None:
                return None
            if self._held is not None:
                here = self._updater.find_cached_target(info, str(self._held / path))
                if here is not None:
                    return Path(here).read_bytes()
            return Path(self._updater.download_target(info, f"{scratch}/target")).read_bytes()

    def document(self, path: str, kind: type[D]) -> tuple[bytes, D]:
        """The signed document `path`: its bytes, and what they say.

        Raises:
            TrustError: the archive does not sign such a file; and as `refresh`.
        """
        content = self.target(path)
        if content is None:
            raise TrustError(f"{self._origin.address}: {path} is not signed by this archive")
        return content, parse_document(content, kind, f"{self._origin.address}/{path}")

    def latest(self) -> Latest:
        """The newest edition's name and digest."""
        return self.document("latest.json", Latest)[1]

    def edition(self, name: str) -> EditionManifest:
        """The manifest of an edition."""
        manifest = self.document(f"editions/{name}/edition.json", EditionManifest)[1]
        check_paths(manifest, name)
        return manifest


def check_paths(manifest: EditionManifest, name: str) -> None:
    """Raise `TrustError` unless the manifest is that of edition `name`, a plain name, and no path
    of it leads out of the edition.
    """
    if manifest.name != name or not _EDITION_NAME.fullmatch(name):
        raise TrustError(f"edition {name!r} calls itself {manifest.name!r}; refused")
    for entry in manifest.contents:
        pure = PurePosixPath(entry.path)
        odd = "\\" in entry.path or "\0" in entry.path or not pure.parts
        if odd or pure.is_absolute() or ".." in pure.parts:
            raise TrustError(f"edition {manifest.name} names the path {entry.path!r}; refused")


def first_trust(
    origin: Origin, metadata: Path, root: str | Path | None, held: Path | None = None
) -> Trust:
    """Trust in an origin met for the first time, or again when `metadata` has an anchor.

    `root` is the SHA-256 of a root.json (64 hex digits) or the path of such a file; without one,
    the origin's own root is taken, and the caller shows the fingerprint. `held`: see `Trust`.

    Raises:
        TransferError, TrustError: no root, or not the one pinned.
    """
    kept = metadata / ANCHOR
    if kept.is_file():
        anchor = kept.read_bytes()
        check_pin(anchor, root)
        return Trust(origin, metadata, anchor, held)
    if root is not None and Path(root).is_file():
        return Trust(origin, metadata, Path(root).read_bytes(), held)
    first = read_first_root(origin, None if root is None else str(root))
    return Trust(origin, metadata, first, held)


def check_pin(anchor: bytes, root: str | Path | None) -> None:
    """Raise `TrustError` when `anchor` is not the pinned root (a fingerprint or a file)."""
    if root is None:
        return
    pinned = sha256(Path(root).read_bytes()).hexdigest() if Path(root).is_file() else str(root)
    if sha256(anchor).hexdigest() != pinned.lower():
        raise TrustError(
            f"this mirror hangs on the root {sha256(anchor).hexdigest()}, not on {pinned}; to "
            "change the root of trust make a new mirror"
        )


def copy_state(metadata: Path, scratch: Path) -> None:
    """Copy the client's state, so that a plan can look without writing."""
    if metadata.is_dir():
        shutil.copytree(metadata, scratch, symlinks=True, dirs_exist_ok=True)


def keep_anchor(metadata: Path, anchor: bytes) -> None:
    """Keep the anchor for good (again is a no-op)."""
    if not (metadata / ANCHOR).is_file():
        write_bytes(metadata / ANCHOR, anchor)


def publish_names(metadata: Path) -> None:
    """Give the client's documents the names an origin uses: ``<version>.<role>.json``."""
    for path in sorted((metadata / "root_history").glob("*.root.json")):
        _copy_new(path, metadata / path.name)
    for path in sorted(metadata.glob("*.json")):
        role = path.name.removesuffix(".json")
        if "." in role or role in ("root", "timestamp") or path.name == ANCHOR:
            continue
        version = json.loads(path.read_bytes())["signed"]["version"]
        _copy_new(path, metadata / f"{version}.{role}.json")


def _copy_new(source: Path, target: Path) -> None:
    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        write_bytes(target, content)


@contextmanager
def _explained(address: str, metadata: Path) -> Iterator[None]:
    """Turns python-tuf's errors into ours; those of a disk get the places it writes to."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = f"{metadata} or {gettempdir()}"
        raise
    except tuf_errors.DownloadHTTPError as error:
        raise TrustError(f"{address}: what is signed is not there ({error})") from error
    except tuf_errors.DownloadLengthMismatchError as error:
        raise TrustError(f"{address}: something signed is longer than it may be ({error})") from (
            error
        )
    except tuf_errors.DownloadError as error:
        cause = error.__cause__ or error
        raise TransferError(
            f"{address}: out of reach ({cause}); what this mirror has stays usable"
        ) from error
    except tuf_errors.ExpiredMetadataError as error:
        raise TrustError(
            f"{address}: its signatures have run out ({error}); the publisher has to renew them, "
            "or this machine's clock is wrong"
        ) from error
    except tuf_errors.RepositoryError as error:
        raise TrustError(
            f"{address}: what it gives out as signed does not hold ({error}). Nothing of it was "
            "taken. A network that asks to log in does this too, or a copy that is behind: try "
            "again later, and ask the publisher if it stays so"
        ) from error
