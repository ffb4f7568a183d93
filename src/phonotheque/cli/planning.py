"""The command `plan`: what to keep on a disk, and what more disk would bring."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import (
    DryRun,
    Json,
    MirrorPath,
    parse_root,
    parse_size,
    parse_via,
)
from phonotheque.model.errors import UsageError

if TYPE_CHECKING:
    from phonotheque.mirror import Introduction, MirrorPlan, PlanWishes, Preference
    from phonotheque.storage.layout import Tree

OriginOption = Annotated[
    str | None,
    typer.Option(metavar="URL|PATH|MAGNET", help="Where to copy from; needed the first time."),
]
RootOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHA256|FILE",
        help="Fingerprint of the archive's root.json, as its publisher states it.",
    ),
]
Disk = Annotated[
    str | None,
    typer.Option(metavar="SIZE|all", help="All that the mirror may take, e.g. 8TB."),
]
Prefer = Annotated[
    str | None,
    typer.Option(
        metavar="popular|complete-tiers",
        help="Most listened for its size first, or all of tier 1 before any of tier 2.",
    ),
]
Bandwidth = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Of your line, a second (6MB), to say how long it takes."),
]
SingleFiles = Annotated[
    bool | None,
    typer.Option(
        "--single-files/--whole-volumes",
        help="Fill the room that whole volumes leave with single files of the next ones.",
    ),
]
Index = Annotated[
    bool | None,
    typer.Option("--index/--no-index", help="Set room aside for the search index, or not."),
]
Forget = Annotated[
    bool, typer.Option("--forget", help="Do not repeat what the plan before was asked for.")
]
Tiers = Annotated[list[int], typer.Option(help="Only volumes of this tier; repeatable.")]
Licences = Annotated[
    list[str],
    typer.Option(metavar="SPDX", help="Only files with nothing but these licences."),
]
Territories = Annotated[
    list[str],
    typer.Option(metavar="COUNTRY", help="Only files that may be given out there; repeatable."),
]
Artists = Annotated[
    list[str],
    typer.Option(metavar="NAME|ID", help="Only files of this artist; repeatable."),
]
Genres = Annotated[
    list[str], typer.Option(metavar="NAME", help="Only files of this genre; repeatable.")
]
Included = Annotated[list[str], typer.Option(metavar="VOLUME", help="Take this volume first.")]
Excluded = Annotated[
    list[str],
    typer.Option(
        metavar="VOLUME|artist:…|genre:…|licence:…",
        help="Leave this volume out, or files with this artist, genre or licence.",
    ),
]
_BAR_WIDTH = 30
_SHOWN_NAMES = 20


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(plan)


def plan(
    mirror: MirrorPath,
    origin: OriginOption = None,
    root: RootOption = None,
    disk: Disk = None,
    prefer: Prefer = None,
    tier: Tiers = [],
    licence: Licences = [],
    territory: Territories = [],
    artist: Artists = [],
    genre: Genres = [],
    include: Included = [],
    exclude: Excluded = [],
    via: Annotated[
        str | None,
        typer.Option(metavar="auto|http|swarm", help="How the volumes are to be fetched."),
    ] = None,
    bandwidth: Bandwidth = None,
    single_files: SingleFiles = None,
    index: Index = None,
    forget: Forget = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Say what fits on a disk, most listened first, and save that as the mirror's plan."""
    from phonotheque.mirror import is_magnet, plan_mirror, read_magnet, who_answers
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(mirror.absolute())
    lists: dict[str, list[Any]] = {
        "tiers": tier, "licences": licence, "include": include, "exclude": exclude,
        "territories": _jurisdictions(territory), "artists": artist, "genres": genre,
    }  # fmt: skip
    given: dict[str, Any] = {
        "disk_bytes": parse_size(disk) if disk and disk != "all" else None,
        "prefer": _preference(prefer) if prefer else None,
        "via": parse_via(via) if via else None,
        "bytes_per_second": parse_size(bandwidth) if bandwidth else None,
        "single_files": single_files,
        "index": index,
        **{name: tuple(values) or None for name, values in lists.items()},
    }
    wishes = _merged(screen, tree, given, forget=forget, no_limit=disk == "all")
    met = read_magnet(origin) if origin and is_magnet(origin) else None
    origin = who_answers(met, parse_root(root)) if met else origin
    with Reporter(screen) as progress:
        made = plan_mirror(
            tree, progress, now=now(), origin=origin, root=parse_root(root), **asdict(wishes)
        )
    if not dry_run:
        _save(tree, made, met)
    if json:
        screen.print_json(made)
        return
    _show_plan(screen, made)
    screen.say("Nothing was written." if dry_run else f"Next: phonotheque sync {mirror}")


def _save(tree: "Tree", made: "MirrorPlan", met: "Introduction | None") -> None:
    from phonotheque.mirror import remember, save_plan

    save_plan(tree, made)
    if met:
        remember(tree, met)


def _merged(
    screen: Screen, tree: "Tree", given: dict[str, Any], *, forget: bool, no_limit: bool
) -> "PlanWishes":
    """What is wished for now, and what was before; says what is repeated."""
    from phonotheque.mirror import kept_wishes, merge_wishes

    kept = None if forget else kept_wishes(tree)
    wishes, repeated = merge_wishes(given, kept, no_limit=no_limit)
    if repeated:
        screen.note(f"As before: {'; '.join(repeated)} (--forget plans anew)")
    return wishes


def _show_plan(screen: Screen, made: "MirrorPlan") -> None:
    from phonotheque.mirror import TrustKind

    rows: list[tuple[object, ...]] = [
        (
            v.volume,
            v.tier,
            v.files,
            format_bytes(v.bytes),
            "take" if v.selection is None and v.rows is None else "part",
        )
        for v in made.volumes
    ]
    rows += [(v.volume, v.tier, None, format_bytes(v.bytes), v.reason) for v in made.left_out]
    screen.table(("volume", "tier", "files", "size", ""), rows)
    if made.listens and (made.left_out or made.listens_share < 1):
        _show_curve(screen, made)
    for line in _lines(made):
        screen.say(line)
    if made.trust is TrustKind.FIRST_USE:
        screen.note(
            f"Trusted on first use: root {made.root_sha256}. Compare it with what the publisher "
            "states elsewhere, or give it with --root."
        )


def _show_curve(screen: Screen, made: "MirrorPlan") -> None:
    here = {point.disk_bytes: f"{point.listens_share:.1%}" for point in made.curve_here}
    rows: list[tuple[object, ...]] = [
        (
            format_bytes(point.disk_bytes) + (" ←" if point.disk_bytes == made.disk_bytes else ""),
            point.volumes,
            f"{point.listens_share:.1%}",
            "█" * round(point.listens_share * _BAR_WIDTH),
            here.get(point.disk_bytes, ""),
        )
        for point in made.curve
    ]
    screen.say("")
    screen.table(("a disk of", "volumes", "listens", "", "held here first" if here else ""), rows)
    screen.say("")


def _lines(made: "MirrorPlan") -> Iterator[str]:
    torrents = len(made.volumes)
    yield (
        f"Edition {made.edition}: {made.files:,} files in {torrents:,} volumes, each a torrent; "
        f"{format_bytes(made.bytes)} in all, "
        + (f"{made.listens_share:.1%} of listens." if made.listens else "no listens known.")
    )
    more = made.next_terabyte_share_here if made.curve_here else made.next_terabyte_share
    if more >= 0.0005:
        yield f"One terabyte more would add {more:.1%} of listens."
    if made.seconds is not None:
        yield (
            f"To fetch: {format_bytes(made.fetch_bytes)}, "
            f"about {timedelta(seconds=round(made.seconds))} at this bandwidth."
        )
    elif made.fetch_bytes:
        yield f"To fetch: {format_bytes(made.fetch_bytes)}; --bandwidth says how long it takes."
    if made.dropped:
        yield f"Not planned any more, kept until `sync --prune`: {_names(made.dropped)}."


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    return f"{shown} and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else shown


def _jurisdictions(territories: list[str]) -> list[str]:
    """The jurisdictions of countries, each once."""
    from phonotheque.rights import jurisdiction_of

    return list(dict.fromkeys(jurisdiction_of(one) for one in territories))


def _preference(text: str) -> "Preference":
    from phonotheque.mirror import Preference

    if text not in list(Preference):
        raise UsageError(f"{text!r} is none of {', '.join(Preference)}")
    return Preference(text)
