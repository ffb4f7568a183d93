"""What `publish --dry-run` shows: tiers as a table and a picture, volumes, and what waits."""

from typing import TYPE_CHECKING

from phonotheque.cli.console import Screen, format_bytes

if TYPE_CHECKING:
    from phonotheque.archive import PublishPlan

_BAR = 30
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MOST_VOLUMES = 40


def show_plan(screen: Screen, plan: "PublishPlan") -> None:
    """The plan for people; all of it as one JSON object in JSON mode."""
    if screen.json_mode:
        screen.print_json(plan)
        return
    _show_volumes(screen, plan)
    screen.say("")
    _show_tiers(screen, plan)
    screen.say("")
    for line in _picture(plan):
        screen.say(line)
    screen.say(
        f"would publish {plan.name}: {plan.files:,} new files, {format_bytes(plan.bytes)}, in "
        f"{len(plan.volumes):,} volumes; shares are of all {plan.listens:,} listens counted"
    )
    held = sum(w.files for w in plan.waiting)
    if held:
        new = sum(w.new_files for w in plan.waiting)
        screen.say(
            f"{held:,} files wait for the next edition, {new:,} of them since this one "
            f"({format_bytes(sum(w.bytes for w in plan.waiting))})"
        )
    for line in _superseding(plan):
        screen.say(line)
    if plan.copies:
        screen.say(f"{plan.copies:,} copies would be made first; sizes are estimates")


def _superseding(plan: "PublishPlan") -> list[str]:
    """What would take the place of volumes that lost much, or how far they are from it."""
    if plan.heirs:
        return [
            f"{h.volume}: {h.files:,} files, {format_bytes(h.bytes)}, taken over from "
            f"{', '.join(h.supersedes)}; nothing is read, followers fetch no audio"
            for h in plan.heirs
        ]
    lost = sum(d.withdrawn_bytes for d in plan.due)
    if not plan.due:
        return []
    return [
        f"{len(plan.due):,} volumes lost enough to be superseded: {format_bytes(lost)}; a batch is "
        f"made from {format_bytes(plan.supersede_batch_bytes)}"
    ]


def bar(share: float, width: int = _BAR) -> str:
    """`share` (0 to 1) of a line of `width` blocks, to an eighth; anything above 0 can be seen."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")


def _show_volumes(screen: Screen, plan: "PublishPlan") -> None:
    shown = plan.volumes[:_MOST_VOLUMES]
    screen.table(
        ("volume", "tier", "files", "size", "fill", "listens", "torrent"),
        (
            (
                v.volume, v.tier, v.files, format_bytes(v.bytes), f"{v.fill_percent:.0f} %",
                f"{v.listens_percent:.2f} %", format_bytes(v.metainfo_bytes),
            )
            for v in shown
        ),
    )  # fmt: skip
    if len(plan.volumes) > len(shown):
        rest = len(plan.volumes) - len(shown)
        screen.say(f"… and {rest:,} more; --json has all of them")


def _show_tiers(screen: Screen, plan: "PublishPlan") -> None:
    screen.table(
        ("tier", "volumes", "files", "size", "fill", "listens", "torrents", "waiting"),
        (
            (
                t.tier, t.volumes, t.files, format_bytes(t.bytes), f"{t.fill_percent:.0f} %",
                f"{t.listens_percent:.2f} %", format_bytes(t.metainfo_bytes), t.waiting_files,
            )
            for t in plan.tiers
        ),
    )  # fmt: skip


def _picture(plan: "PublishPlan") -> list[str]:
    """Two bars a tier: its share of the bytes that are new, and of all listens."""
    lines = []
    for tier in plan.tiers:
        share = tier.bytes / plan.bytes if plan.bytes else 0.0
        heard = tier.listens_percent / 100
        lines.append(f"tier {tier.tier:<3} bytes   {bar(share):<{_BAR}} {share:7.2%}")
        lines.append(f"{'':8} listens {bar(heard):<{_BAR}} {heard:7.2%}")
    return lines
