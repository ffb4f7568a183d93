"""Meeting an archive by a magnet link: who answers is asked, all that it named is remembered."""

from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace

from phonotheque.mirror.introductions import Introduction
from phonotheque.mirror.origin import open_origin
from phonotheque.mirror.planning import read_mirror
from phonotheque.mirror.trust import read_first_root
from phonotheque.model.errors import TransferError, TrustError
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing


def who_answers(introduction: Introduction, root: str | Path | None = None) -> str:
    """The first of its addresses that gives out what an archive signs, of one that has the pinned
    `root` (the SHA-256 of a root.json, or such a file) where that is given; nothing else is checked
    here.

    Raises:
        TransferError: none does. TrustError: those that do have other roots.
    """
    failures = []
    kind: type[TransferError | TrustError] = TransferError
    if root is not None and Path(root).is_file():
        root = sha256(Path(root).read_bytes()).hexdigest()
    for address in introduction.origins:
        try:
            read_first_root(open_origin(address), None if root is None else str(root))
        except (TransferError, TrustError) as error:
            failures.append(str(error))
            kind = TrustError if isinstance(error, TrustError) else kind
        else:
            return address
    raise kind(
        f"nobody whom the magnet link names gives out what an archive signs: {'; '.join(failures)}"
    )


def remember(tree: Tree, introduction: Introduction) -> None:
    """Add the further addresses and the peers of `introduction` to those that the mirror asks.

    Raises:
        NotFoundError: no mirror here.
    """
    with writing(tree.root):
        settings = read_mirror(tree)
        others = [*settings.others, *introduction.origins]
        known = replace(
            settings,
            others=tuple(dict.fromkeys(o for o in others if o != settings.origin)),
            peers=tuple(dict.fromkeys([*settings.peers, *introduction.peers])),
        )
        if known != settings:
            write_document(tree.mirror_toml, known)
