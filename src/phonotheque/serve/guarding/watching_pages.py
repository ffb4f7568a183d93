"""What the guard keeps as pages for admins, and as files: words, pictures, tables."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from phonotheque.guard import Entry, GuardReport, Profile, TopRow
from phonotheque.serve.guarding.pictures import day_of, make_profile_charts, make_report_charts
from phonotheque.serve.rendering import format_size, read_assets, render
from phonotheque.statistics import Chart, DrawingError, draw_charts, mark_of

_PICTURES_KEPT: Final = 64
_PERCENT: Final = "{:.0%}".format


class Pictures:
    """Draws, and keeps what was drawn last: drawing takes a second or two and a process of its
    own. For any number of threads; one of them draws at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self._drawing = threading.Lock()

    def draw(self, charts: Mapping[str, Chart]) -> dict[str, tuple[str, str]]:
        """(title, SVG) by name; nothing where drawing fails: the tables say the same."""
        marks = {name: f"{name}-{mark_of(chart)}" for name, chart in charts.items()}
        with self._drawing:
            missing = {name: charts[name] for name, mark in marks.items() if mark not in self._kept}
            try:
                drawn = draw_charts(missing)
            except DrawingError:
                drawn = {}
            self._kept.update({marks[name]: svg for name, svg in drawn.items()})
            while len(self._kept) > _PICTURES_KEPT:
                self._kept.pop(next(iter(self._kept)))
            found = {n: self._kept[m] for n, m in marks.items() if m in self._kept}
        return {name: (charts[name].title, svg) for name, svg in found.items()}


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
        "guard_report.html", charts, pictures, linked, report=report, in_force=in_force,
        days=[(day_of(d.day), d) for d in report.days], top=[_top(row) for row in report.top],
    )  # fmt: skip


def _profile(profile: Profile, now: datetime, pictures: Pictures, *, linked: bool) -> str:
    return _page(
        "guard_actor.html", make_profile_charts(profile), pictures, linked, profile=profile,
        now=now, days=[(day_of(d.day), d) for d in profile.days],
        shares=list(zip(map(_PERCENT, profile.popularity), map(_PERCENT, profile.of_people),
                        strict=True)),
        audit=[_line(entry) for entry in profile.audit[-50:]],
    )  # fmt: skip


def _page(
    template: str, charts: Mapping[str, Chart], pictures: Pictures, linked: bool, **values: Any
) -> str:
    drawn = pictures.draw(charts)
    return render(
        template,
        {
            **values, "pictures": drawn, "not_drawn": len(drawn) < len(charts), "linked": linked,
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
