"""The options of `phonotheque serve`."""

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
Edition = Annotated[
    str | None,
    typer.Option("--edition", metavar="NAME", help="An edition other than the newest."),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="How others reach this server, where a proxy stands."),
]
Seed = Annotated[bool, typer.Option("--seed", help="Seed the volumes by BitTorrent as well.")]
SeedListen = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where BitTorrent listens.")]
Login = Annotated[
    str,
    typer.Option(
        "--player-login",
        metavar="key|password|token",
        help="What players may show: API keys; also passwords; also tokens of these.",
    ),
]
Members = Annotated[
    bool, typer.Option("--members", help="Players want an account, to read as well.")
]
Transcodes = Annotated[
    int, typer.Option(min=0, max=256, help="Files encoded for players at once; 0 for none.")
]
RateLimit = Annotated[
    int,
    typer.Option(
        min=0,
        max=1_000_000,
        metavar="N",
        help="Requests a minute to the API for each address, ten times as many with a key; "
        "0: no limit.",
    ),
]
GuardMode = Annotated[
    str,
    typer.Option(
        "--guard",
        metavar="off|observe|enforce",
        help="Tell who harvests item by item: note it, or also redirect and slow them.",
    ),
]
GuardPolicyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What the guard's budgets and measures are, as TOML."),
]
WorkerCount = Annotated[
    int, typer.Option("--workers", min=1, max=256, help="Processes that answer.")
]
Metrics = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Tell Prometheus there, at /metrics.")
]
LogForm = Annotated[
    str, typer.Option("--log", metavar="text|json", help="Form of the log, on standard error.")
]
AccessLog = Annotated[
    str,
    typer.Option(
        metavar="none|anonymous|full",
        help="Log each request: which area was asked, or also by whom and what for.",
    ),
]
Grace = Annotated[
    int,
    typer.Option(min=0, max=3600, metavar="SECONDS", help="What is under way gets, at the end."),
]
HandOver = Annotated[
    str,
    typer.Option(
        metavar="HEADER",
        help="Have the web server in front send files: x-accel-redirect:/PREFIX or x-sendfile.",
    ),
]
