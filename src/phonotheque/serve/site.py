"""What a server is told to do, and the application it does it with."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from litestar import Litestar

from phonotheque.accounts import Door
from phonotheque.search import Heard, find_index
from phonotheque.serve.app import make_app, open_publication
from phonotheque.serve.front import Front
from phonotheque.serve.guarding import (
    Guard,
    GuardSite,
    Outlet,
    WindowLimiter,
    Windows,
    is_guarded,
    open_guard,
)
from phonotheque.serve.handing import parse_handing
from phonotheque.serve.limits import Buckets, Limiter
from phonotheque.serve.publication import Publication, read_edition
from phonotheque.serve.subsonic import Players
from phonotheque.storage.layout import Tree


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One tree, and how it is shown. `edition`: that one for good; None: the newest, and whichever
    comes. `accounts`: the file of accounts. `rate_limit`: requests a minute to the API, 0: any.
    `hand_over`: how files are handed over to a web server in front (`parse_handing`). `guard`: what
    is done about harvesters."""

    root: str
    edition: str | None = None
    public_url: str | None = None
    accounts: str | None = None
    rate_limit: int = 0
    players: Players = Players()
    hand_over: str = ""
    guard: GuardSite = GuardSite()

    @property
    def tree(self) -> Tree:
        """Where it stands."""
        return Tree(Path(self.root))


def with_size(site: Site) -> Site:
    """`site`, its guard told how many recordings can be heard in the edition that is shown first.

    Raises:
        NotFoundError, FormatError: the edition cannot be read.
    """
    if not is_guarded(site.guard):
        return site
    manifest, _ = read_edition(site.tree, site.edition)
    items = Heard(site.tree.edition_index(manifest.name)).count
    return msgspec.structs.replace(site, guard=msgspec.structs.replace(site.guard, items=items))


def open_front(site: Site, clock: Callable[[], datetime], windows: Windows | None = None) -> Front:
    """The application of a site, its edition opened; it lets go of all when it ends. `windows`:
    where the limit of the API is counted, in buckets of its own without.

    Raises:
        NotFoundError: nothing is published there, or not this edition.
        FormatError: the edition or its index cannot be read.
    """
    door = Door(Path(site.accounts), clock) if site.accounts else None
    handing = parse_handing(site.hand_over)
    limiter: Limiter | None = None
    if site.rate_limit:
        limiter = WindowLimiter(windows, site.rate_limit) if windows else Buckets(site.rate_limit)

    def make(publication: Publication) -> tuple[Publication, Litestar]:
        app = make_app(
            publication,
            public_url=site.public_url,
            door=door,
            limiter=limiter,
            players=site.players,
        )
        return publication, app

    def newer(shown: Publication) -> tuple[Publication, Litestar] | None:
        if not is_newer(site.tree, shown):
            return None
        return make(open_publication(site.tree, None, handing))

    first = make(open_publication(site.tree, site.edition, handing))
    at_end = door.close if door else lambda: None
    return Front(*first, None if site.edition else newer, at_end)


def open_site(
    site: Site, clock: Callable[[], datetime], outlet: Outlet | None = None
) -> tuple[Front, Guard | None]:
    """The application of a site and its guard, where it has one; through `outlet` it tells another
    process, which keeps the records.

    Raises:
        NotFoundError, FormatError: as `open_front`, or of the guard's records or tables.
        UsageError: budgets cannot be counted where the policy says.
    """
    if not is_guarded(site.guard):
        return open_front(site, clock), None
    shown: list[Front] = []

    def publication() -> Publication | None:
        return shown[0].publication if shown else None

    guard = open_guard(site.guard, clock, publication, accounts=site.accounts, outlet=outlet)
    try:
        shown.append(open_front(site, clock, guard.windows))
    except BaseException:
        guard.close()
        raise
    return shown[0], guard


def is_newer(tree: Tree, shown: Publication) -> bool:
    """Whether the newest edition, or its index, is another than is shown.

    Raises:
        NotFoundError, FormatError: it cannot be read.
    """
    manifest, _ = read_edition(tree, None)
    name = manifest.name
    index = find_index(tree.edition(name), tree.edition_index(name))
    return index is None or index != shown.index.manifest
