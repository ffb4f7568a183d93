"""Who answers for what is signed: the origin, and where that does not, the others that are known.

Nobody of them is believed more than another: everything hangs on the mirror's own root.
"""

from phonotheque.mirror.formats import MirrorSettings
from phonotheque.mirror.origin import Origin, open_origin
from phonotheque.mirror.transfer import Limits
from phonotheque.mirror.trust import Trust, check_pin, first_trust
from phonotheque.mirror.ways import SyncOptions
from phonotheque.model.errors import NotFoundError, TransferError, TrustError
from phonotheque.model.progress import Progress
from phonotheque.storage.layout import Tree


def ask_what_is_signed(
    tree: Tree, settings: MirrorSettings, options: SyncOptions, progress: Progress
) -> tuple[Origin, Trust]:
    """The first of the origin and the `others` of `settings` whose signed documents hold, and the
    trust in it, brought up to date. Who is passed over is noted.

    Raises:
        TransferError, NotFoundError, TrustError: none does; what is wrong with the origin.
    """
    failures: list[TransferError | NotFoundError | TrustError] = []
    for address in dict.fromkeys([settings.origin, *settings.others]):
        if failures:
            progress.note(f"{failures[-1]}; asking {address} instead")
        options.board.put("http", address)
        try:
            return _ask(tree, settings, address, options.limits)
        except (TransferError, NotFoundError, TrustError) as error:
            failures.append(error)
    raise failures[0]


def _ask(
    tree: Tree, settings: MirrorSettings, address: str, limits: Limits
) -> tuple[Origin, Trust]:
    origin = open_origin(address, timeout_seconds=limits.timeout_seconds, least=limits.least)
    trust = first_trust(origin, tree.metadata, None, held=tree.root)
    check_pin(trust.anchor, settings.root_sha256)
    trust.refresh()
    return origin, trust
