"""Where the vault of an archive keeps its objects, as `archive.toml` says."""

from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.s3_bucket import Place, parse_store_url
from phonotheque.storage.s3_store import S3Store
from phonotheque.storage.stores import Store, StoreKeys
from phonotheque.vault import Vault


def vault_store(tree: Tree) -> Store | None:
    """The object storage that the archive at `tree` names; None where the vault is a directory."""
    if not tree.archive_toml.exists():
        return None
    settings = read_settings(tree).vault
    return open_store(tree, settings.store) if settings.store else None


def open_store(tree: Tree, url: str) -> Store:
    """The store at `url`, reached as `archive.toml` says of the archive's own.

    Raises:
        UsageError: it is no URL of a store.
    """
    settings = read_settings(tree).vault
    bucket, prefix = parse_store_url(url)
    place = Place(
        bucket=bucket,
        endpoint=settings.endpoint,
        region=settings.region,
        allow_http=settings.allow_http,
        keys=tree.keys or StoreKeys(),
    )
    return S3Store(place, prefix)


def open_vault(tree: Tree) -> Vault:
    """The vault of the archive at `tree`, with its objects wherever they are."""
    return Vault.open(tree.vault, vault_store(tree))
