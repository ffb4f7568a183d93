"""What the guard keeps as pages for admins, and as files: words, pictures, tables."""

import threading
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Any, Final

from phonotheque.guard import Entry, GuardReport, Profile, TopRow
from phonotheque.serve.guarding.pictures import day_of, make_profile_charts, make_report_charts
from phonotheque.serve.rendering import format_size, read_assets, render
from phonotheque.statistics import Chart, DrawingError, draw_charts

KEPT_S: Final = 300.0
_PAGES_KEPT: Final = 16
_PERCENT: Final = "{:.0%}".format


class Pictures:
    """Draws, in a process of its own that takes some seconds, and keeps what was drawn for a page
    for `KEPT_S`: the tables beside are always of now. For any number of threads; one draws at a
    time."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, dict[str, tuple[str, str]]]] = {}
        self._drawing = threading.Lock()

    def draw(self, charts: Mapping[str, Chart], page: str) -> dict[str, tuple[str, str]]:
        """(title, SVG) by name; nothing where drawing fails: the tables say the same."""
        with self._drawing:
            kept = self._kept.get(page)
            if (
                kept is not None
                and monotonic() - kept[0] < KEPT_S
                and kept[1].keys() == charts.keys()
            ):
                return kept[1]
            try:
                drawn = draw_charts(charts)
            except DrawingError:
                return {}
            found = {name: (charts[name].title, svg) for name, svg in drawn.items()}
            self._kept.pop(page, None)
            self._kept[page] = (monotonic(), found)
            while len(self._kept) > _PAGES_KEPT:
                self._kept.pop(next(iter(self._kept)))
        return found


def format_report_file(report: GuardReport, pictures: Pictures | None = None) -> str:
    """A report as one HTML file that needs nothing beside it."""
    return _report(report, pictures or Pictures(), linked=False)


def format_profile_file(profile: Profile, now: datetime, pictures: Pictures | None = None) -> str:
    """One actor as one HTML file that needs nothing beside it."""
    return _profile(profile, now, pictures or Pictures(), linked=False)


def format_report_page(report: GuardReport, pictures: Pictures) -> str:
    """The page `/guard`."""
    return _report(report, pictures, linked=True)


def format_profile_page(profile: Profile, now: datetime, pictures: Pictures) -> str:
    """The page `/guard/actor/ACTOR`."""
    return _profile(profile, now, pictures, linked=True)


def _report(report: GuardReport, pictures: Pictures, *, linked: bool) -> str:
    charts = make_report_charts(report)
    in_force = {k: n for k, n in report.in_force.items() if n and k not in ("proposals", "appeals")}
    return _page(
        "guard_report.html", f"{(report.until - report.since).days} days", charts, pictures,
        linked=linked, report=report, in_force=in_force,
        days=[(day_of(d.day), d) for d in report.days], top=[_top(row) for row in report.top],
    )  # fmt: skip


def _profile(profile: Profile, now: datetime, pictures: Pictures, *, linked: bool) -> str:
    return _page(
        "guard_actor.html", profile.actor, make_profile_charts(profile), pictures, linked=linked,
        profile=profile, now=now, days=[(day_of(d.day), d) for d in profile.days],
        shares=list(zip(map(_PERCENT, profile.popularity), map(_PERCENT, profile.of_people),
                        strict=True)),
        audit=[_line(entry) for entry in profile.audit[-50:]],
    )  # fmt: skip


def _page(
    template: str, page: str, charts: Mapping[str, Chart], pictures: Pictures, **values: Any
) -> str:
    drawn = pictures.draw(charts, page)
    return render(
        template,
        {
            **values, "pictures": drawn, "not_drawn": len(drawn) < len(charts),
            "style": read_assets()["page.css"].decode(),
        },
    )  # fmt: skip


def _top(row: TopRow) -> dict[str, Any]:
    return {
        "actor": row.actor, "evidence": f"{row.evidence:.1f}", "measure": row.measure,
        "requests": row.requests, "media": row.media, "items": row.distinct_items,
        "repeats": _PERCENT(row.repeat_share), "bytes": format_size(row.bytes),
        "refused": row.refused,
    }  # fmt: skip


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "event": entry.event, "at": f"{entry.at:%Y-%m-%d %H:%M}", "what": entry.what.value,
        "measure": str(entry.evidence.get("measure", "")), "by": entry.by,
        "reasons": "; ".join(entry.reasons),
    }  # fmt: skip
