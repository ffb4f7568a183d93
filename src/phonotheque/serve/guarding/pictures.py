"""The guard's records as pictures: Vega-Lite specifications. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from phonotheque.guard import GuardReport, Policy, Profile, Seen
from phonotheque.statistics import Chart, axes

_BUCKETS = ("0.01 %", "0.1 %", "0.3 %", "1 %", "3 %", "10 %", "40 %", "the rest")
Rows = list[dict[str, Any]]


def make_report_charts(report: GuardReport) -> dict[str, Chart]:
    """The pictures of a report, by name; none where there is nothing to show."""
    if not report.days:
        return {}
    seen = [day.seen for day in report.days]
    charts = {
        "requests": _requests(seen),
        "scores": _scores(seen),
        "repeats": _repeats(seen),
    }
    rows = [{"day": day_of(d.day), "alarms": d.alarms} for d in report.days]
    charts["alarms"] = axes.make_chart(
        "Alarms by day",
        "Bars: how many lines the guard itself wrote in its audit log: observed, measures taken, "
        "disabling proposed.",
        rows,
        mark={"type": "bar", "color": axes.OTHER},
        x=axes.ordinal_axis("day", "day"),
        y=axes.count_axis("alarms", "alarms"),
    )
    return charts


def make_profile_charts(profile: Profile) -> dict[str, Chart]:
    """The pictures of one actor, by name."""
    if not profile.days:
        return {}
    charts = {
        "requests": _requests(profile.days),
        "growth": _growth(profile.days),
        "repeats": _repeats(profile.days),
        "scores": _scores(profile.days),
    }
    if any(profile.popularity):
        charts["popularity"] = _popularity(profile)
    return charts


def day_of(day: int) -> str:
    """A day since 1970 as a date."""
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"


def _requests(days: Iterable[Seen]) -> Chart:
    kinds = ("audio", "all others", "refused")
    rows: Rows = [
        {"day": day_of(d.day), "kind": kind, "requests": count}
        for d in days
        for kind, count in zip(
            kinds, (d.media, max(0, d.requests - d.media - d.refused), d.refused), strict=True
        )
    ]
    return axes.make_chart(
        "Requests by day",
        "Stacked bars: requests for audio, all others, and those that the guard refused.",
        rows,
        mark={"type": "bar"},
        x=axes.ordinal_axis("day", "day"),
        y=axes.count_axis("requests", "requests"),
        color=axes.colours("kind", kinds, (axes.MAIN, axes.SOFT, axes.OTHER)),
    )


def _growth(days: Iterable[Seen]) -> Chart:
    rows: Rows = []
    media = opened = 0
    for d in days:
        media, opened = media + d.media, opened + d.distinct_items
        rows += [
            {"day": day_of(d.day), "of": "requests for audio", "count": media},
            {"day": day_of(d.day), "of": "items opened newly", "count": opened},
        ]
    return axes.make_chart(
        "Coverage growth",
        "Two rising lines: requests for audio, and the items among them that were new to the "
        "account. People's second line flattens; a harvester's stays with the first.",
        rows,
        mark={"type": "line", "strokeWidth": 2, "point": {"size": 24}},
        x=axes.ordinal_axis("day", "day"),
        y=axes.count_axis("count", "so far"),
        color=axes.colours(
            "of", ("requests for audio", "items opened newly"), (axes.SOFT, axes.MAIN)
        ),
    )


def _repeats(days: Iterable[Seen]) -> Chart:
    rows: Rows = [{"day": day_of(d.day), "share": d.repeats / d.media} for d in days if d.media]
    return axes.make_chart(
        "Share of repeats by day",
        "A line: which share of requests for audio was for what had been heard before.",
        rows,
        mark={"type": "line", "strokeWidth": 2, "color": axes.MAIN, "point": axes.POINT},
        x=axes.ordinal_axis("day", "day"),
        y=axes.share_axis("share", "share of requests for audio"),
    )


def _popularity(profile: Profile) -> Chart:
    kinds = ("this account", "people")
    rows: Rows = [
        {"bucket": name, "of": kind, "share": share}
        for kind, shares in zip(kinds, (profile.popularity, profile.of_people), strict=True)
        for name, share in zip(_BUCKETS, shares, strict=True)
    ]
    return axes.make_chart(
        "Popularity of what is opened",
        "Pairs of bars, the best known items first: which share of first openings falls on items "
        "down to this share of the catalogue by rank, for the account and for people.",
        rows,
        mark={"type": "bar"},
        x=axes.ordinal_axis("bucket", "down to this share of the catalogue"),
        xOffset={"field": "of", "type": "nominal", "sort": None},
        y=axes.share_axis("share", "share of first openings"),
        color=axes.colours("of", kinds, (axes.MAIN, axes.SOFT)),
    )


def _scores(days: Iterable[Seen]) -> Chart:
    ladder = Policy()
    rows: Rows = [{"day": day_of(d.day), "evidence": d.score} for d in days]
    return axes.make_chart(
        "Highest evidence by day",
        "A line: the highest sum of evidence of the day. By default "
        f"{ladder.redirect:g} redirects, {ladder.degrade:g} degrades, {ladder.suspend:g} suspends.",
        rows,
        mark={"type": "line", "strokeWidth": 2, "color": axes.OTHER, "point": axes.POINT},
        x=axes.ordinal_axis("day", "day"),
        y={
            "field": "evidence", "type": "quantitative", "scale": {"domainMin": 0},
            "axis": {"title": "evidence", "tickCount": 6},
        },
    )  # fmt: skip
