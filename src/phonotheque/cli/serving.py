"""The command that serves."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen
from phonotheque.cli.options import TreePath
from phonotheque.model.errors import PhonothequeError

if TYPE_CHECKING:
    from phonotheque.storage.layout import Tree

RENEW_SECONDS = 6 * 3600


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(serve)


def serve(
    path: TreePath,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    edition: Annotated[
        str | None,
        typer.Option("--edition", metavar="NAME", help="An edition other than the newest."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="How others reach this server, where a proxy stands."),
    ] = None,
    seed: Annotated[
        bool, typer.Option("--seed", help="Seed the volumes by BitTorrent as well.")
    ] = False,
    seed_listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where BitTorrent listens.")
    ] = "0.0.0.0:6881",
) -> None:
    """Serve an archive or a mirror: pages, API, audio, and the files other mirrors fetch."""
    from contextlib import ExitStack

    from phonotheque.mirror import Seeder, newest_edition
    from phonotheque.search import ensure_index
    from phonotheque.serve import create_app, run_server
    from phonotheque.storage.layout import Tree

    screen = Screen()
    tree = Tree(path)
    name = edition or newest_edition(tree)
    with Reporter(screen) as progress, ExitStack() as stack:
        ensure_index(tree.edition(name), tree.edition_index(name), progress)
        app = create_app(tree, edition=edition, public_url=public_url)
        if seed:
            seeder = stack.enter_context(Seeder(tree, listen=seed_listen))
            screen.note(f"seeding {len(seeder.volumes)} volumes on port {seeder.port}")
        progress.close()
        stack.enter_context(_kept_fresh(tree, screen))
        shown = f"[{host}]" if ":" in host else host
        run_server(
            app,
            host,
            port,
            lambda taken: screen.note(
                f"serving edition {name} on http://{shown}:{taken}/ – Ctrl-C stops"
            ),
        )


@contextmanager
def _kept_fresh(tree: "Tree", screen: Screen) -> Iterator[None]:
    """Renew the online signatures of an archive now and every few hours; a mirror has none."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(RENEW_SECONDS):
            _renew(tree, screen)

    if _renew(tree, screen):
        threading.Thread(target=go_on, name="phonotheque-renew", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _renew(tree: "Tree", screen: Screen) -> bool:
    """Whether there are keys to renew with; what goes wrong is noted, and tried again later."""
    from phonotheque.archive import Freshness, keep_fresh

    try:
        report = keep_fresh(tree, now())
    except (PhonothequeError, OSError) as error:
        screen.note(f"the online signatures were not renewed: {error}")
        return True
    if report.state is Freshness.RENEWED:
        screen.note(f"online signatures renewed; they run out {report.expires:%Y-%m-%d %H:%M} UTC")
    return report.state is not Freshness.NO_KEYS
