"""The figures as pictures, each a Vega-Lite specification: data and marks, no drawing yet."""

from collections.abc import Callable
from typing import Any

from phonotheque.statistics.axes import (
    COUNT_LABELS,
    MAIN,
    MORE,
    POINT,
    SOFT,
    Chart,
    byte_axis,
    colours,
    count_axis,
    logarithmic_axis,
    make_bars,
    make_chart,
    ordinal_axis,
    share_axis,
)
from phonotheque.statistics.figures import Statistics

MOST_LICENCES, MOST_CODECS = 12, 5


def make_charts(statistics: Statistics) -> dict[str, Chart]:
    """The pictures of the figures, by name; one of which there is nothing to show is left out.
    Equal figures give equal specifications."""
    made = {name: make(statistics) for name, make in _MAKERS.items()}
    return {name: chart for name, chart in made.items() if chart is not None}


def _tiers(statistics: Statistics) -> Chart | None:
    if not statistics.totals.listens:
        return None
    rows = [
        {"tier": t.tier, "of": of, "share": share}
        for t in statistics.tiers
        for of, share in (("all listens", t.share), ("of recordings held", t.share_held))
    ]
    return make_chart(
        "Listens by tier",
        "Pairs of bars: the share of all listens that falls on each tier, and the share that falls "
        "on those of its recordings whose audio is held.",
        rows,
        mark={"type": "bar"},
        x=ordinal_axis("tier", "tier"),
        xOffset={"field": "of", "type": "nominal", "sort": None},
        y=share_axis("share", "share of all listens"),
        color=colours("of", ("all listens", "of recordings held"), (SOFT, MAIN)),
    )


def _coverage(statistics: Statistics) -> Chart | None:
    if not statistics.totals.listens or not statistics.totals.files:
        return None
    heard, held = "listens down to this rank", "recordings held at this rank"
    rows: list[dict[str, Any]] = [
        {"rank": r.from_rank, "of": heard, "share": r.share_to_here} for r in statistics.ranks
    ]
    there: dict[int, tuple[int, int]] = {}
    for r in statistics.ranks:
        step = 10 ** (len(str(r.from_rank)) - 1)
        place = step * (1 if r.from_rank < 2 * step else 2 if r.from_rank < 5 * step else 5)
        got, all_ = there.get(place, (0, 0))
        there[place] = got + r.recordings_held, all_ + r.recordings
    rows += [
        {"rank": place, "of": held, "share": got / all_} for place, (got, all_) in there.items()
    ]
    last = sum(r.recordings for r in statistics.ranks)
    rows += [{**rows[n], "rank": last} for n in (len(statistics.ranks) - 1, -1)]
    return make_chart(
        "Listens and coverage by rank",
        "Two lines over the rank on a logarithmic scale: which share of all listens the "
        "recordings down to there have, and which share of the recordings about there is held.",
        rows,
        mark={"type": "line", "strokeWidth": 2, "interpolate": "step-after"},
        x=logarithmic_axis("rank", "rank (1 is the most listened)", last),
        y=share_axis("share", "share"),
        color=colours("of", (heard, held), (SOFT, MAIN)),
    )


def _skew(statistics: Statistics) -> Chart | None:
    rows = [
        {"rank": r.from_rank + (r.recordings - 1) / 2, "listens": r.listens / r.recordings}
        for r in statistics.ranks
        if r.listens
    ]
    if not rows:
        return None
    return make_chart(
        "Listens of a recording by rank",
        "A falling line, both scales logarithmic: how many listens a recording of this rank has, "
        "as the mean of the recordings about there.",
        rows,
        mark={"type": "line", "strokeWidth": 2, "color": MAIN, "point": POINT},
        x=logarithmic_axis("rank", "rank", rows[-1]["rank"]),
        y=logarithmic_axis("listens", "listens of each", max(row["listens"] for row in rows)),
    )


def _disk(statistics: Statistics) -> Chart | None:
    if not statistics.totals.listens or not statistics.totals.audio_bytes:
        return None
    rows = [{"share": 0.0, "bytes": 0}] + [
        {"share": r.share_held_to_here, "bytes": r.bytes_to_here}
        for r in statistics.ranks
        if r.files
    ]
    return make_chart(
        "Disk against share of listens",
        "A rising line: how many bytes the most listened recordings take that together have this "
        "share of all listens. It grows steep towards what hardly anybody hears.",
        rows,
        mark={"type": "line", "strokeWidth": 2, "color": MAIN, "point": POINT},
        x=share_axis("share", "share of all listens"),
        y=byte_axis("bytes", "audio"),
    )


def _pyramid(statistics: Statistics) -> Chart | None:
    if not statistics.totals.listens:
        return None
    counted: dict[int, int] = {}
    for found in statistics.listens:
        floor = 10 ** (len(str(found.from_listens)) - 1) if found.from_listens else 0
        counted[floor] = counted.get(floor, 0) + found.recordings
    rows = [{"listens": _span(floor), "recordings": n} for floor, n in sorted(counted.items())]
    return make_chart(
        "Recordings by listens",
        "Bars: how many recordings have no listens, 1 to 9, 10 to 99 and so on.",
        rows,
        mark={"type": "bar", "color": MAIN},
        x=ordinal_axis("listens", "listens of a recording"),
        y=count_axis("recordings", "recordings"),
    )


def _durations(statistics: Statistics) -> Chart | None:
    known = {s.second: s.recordings for s in statistics.seconds}
    if not known:
        return None
    rows = [
        {"minutes": round(second / 60, 4), "recordings": known.get(second, 0)}
        for second in range(600)
    ]
    return make_chart(
        "Durations",
        "An area over the duration in steps of one second, up to ten minutes. Lines stand at the "
        "whole minutes, where peaks are.",
        rows,
        mark={"type": "area", "interpolate": "step-after", "color": MAIN},
        x={
            "field": "minutes", "type": "quantitative", "scale": {"domain": [0, 10]},
            "axis": {"title": "minutes", "values": list(range(11)), "grid": True},
        },
        y=count_axis("recordings", "recordings"),
    )  # fmt: skip


def _years(statistics: Statistics) -> Chart | None:
    rows = [{"year": y.year, "recordings": y.recordings} for y in statistics.years if y.year]
    if not rows:
        return None
    first, last = rows[0]["year"] or 0, rows[-1]["year"] or 0
    return make_chart(
        "Recordings by year of first release",
        f"Bars, one for each year from {first} to {last}.",
        [{**row, "next": (row["year"] or 0) + 0.9} for row in rows],
        mark={"type": "bar", "color": MAIN},
        x={
            "field": "year", "type": "quantitative", "bin": {"binned": True, "step": 1},
            "scale": {"zero": False, "nice": False},
            "axis": {"title": "year", "format": "d", "grid": False, "tickMinStep": 1,
                     "tickCount": 10},
        },
        x2={"field": "next"},
        y=count_axis("recordings", "recordings"),
    )  # fmt: skip


def _isrcs(statistics: Statistics) -> Chart | None:
    rows = [
        {"tracks": _digit_span(t.from_tracks), "isrcs": t.isrcs} for t in statistics.tracks_per_isrc
    ]
    if not rows:
        return None
    most = max(t.isrcs for t in statistics.tracks_per_isrc)
    return make_chart(
        "Tracks per ISRC",
        "Bars on a logarithmic scale: how many codes stand on one track, on two, and so on.",
        rows,
        mark={"type": "bar", "color": MAIN},
        x=ordinal_axis("tracks", "tracks of one code"),
        y={
            "field": "isrcs", "type": "quantitative", "scale": {"type": "symlog"},
            "axis": {"title": "codes", "labelExpr": COUNT_LABELS,
                     "values": [10**n for n in range(10) if 10**n <= most]},
        },
    )  # fmt: skip


def _licences(statistics: Statistics) -> Chart | None:
    rows = [
        {"licence": each.licence, "files": each.files} for each in statistics.licences if each.files
    ]
    rows.sort(key=lambda row: -int(row["files"] or 0))
    rest = sum(int(row["files"] or 0) for row in rows[MOST_LICENCES:])
    rows = rows[:MOST_LICENCES] + ([{"licence": "all others", "files": rest}] if rest else [])
    return make_bars("Files by licence", "licence", rows, count_axis("files", "files"))


def _formats(statistics: Statistics) -> Chart | None:
    rows = [
        {"codec": f"{each.codec} ({each.media_type})", "bytes": each.bytes}
        for each in statistics.formats
    ]
    return make_bars("Audio by format", "codec", rows, byte_axis("bytes", "audio"))


def _bitrates(statistics: Statistics) -> Chart | None:
    if not statistics.bitrates:
        return None
    of: dict[str, int] = {}
    for found in statistics.bitrates:
        of[found.codec] = of.get(found.codec, 0) + found.files
    named = sorted(of, key=lambda codec: (-of[codec], codec))[:MOST_CODECS]
    last = max(found.from_kbits for found in statistics.bitrates)
    step = next(step for step in (16, 32, 64, 128) if last <= 12 * step)
    shown = (*named, "others") if len(of) > len(named) else tuple(named)
    rows = [
        {
            "kbits": b.from_kbits, "next": b.from_kbits + 15, "files": b.files,
            "codec": b.codec if b.codec in named else "others",
        }
        for b in statistics.bitrates
    ]  # fmt: skip
    return make_chart(
        "Bit rates",
        "Stacked bars in steps of 16 kbit/s, by codec: " + ", ".join(shown) + ".",
        rows,
        mark={"type": "bar"},
        x={
            "field": "kbits", "type": "quantitative", "bin": {"binned": True, "step": 16},
            "axis": {"title": "kbit/s", "grid": False, "values": list(range(0, last + step, step))},
            "scale": {"domainMin": 0},
        },
        x2={"field": "next"},
        y={**count_axis("files", "files"), "aggregate": "sum", "stack": "zero"},
        color=colours("codec", shown, MORE[: len(shown)]),
    )  # fmt: skip


def _growth(statistics: Statistics) -> Chart | None:
    if len(statistics.growth) < 2:
        return None
    rows = [
        {"edition": e.edition, "of": of, "count": count}
        for e in statistics.growth
        for of, count in (("recordings", e.recordings), ("files", e.files))
    ]
    return make_chart(
        "Growth by edition",
        "Two lines over the editions that stand here: recordings, and files that can be had.",
        rows,
        mark={"type": "line", "strokeWidth": 2, "point": {"size": 40}},
        x={**ordinal_axis("edition", "edition"), "sort": None},
        y=count_axis("count", "how many"),
        color=colours("of", ("recordings", "files"), (SOFT, MAIN)),
    )


_MAKERS: dict[str, Callable[[Statistics], Chart | None]] = {
    "tiers": _tiers,
    "coverage": _coverage,
    "skew": _skew,
    "pyramid": _pyramid,
    "disk": _disk,
    "durations": _durations,
    "years": _years,
    "isrcs": _isrcs,
    "licences": _licences,
    "formats": _formats,
    "bitrates": _bitrates,
    "growth": _growth,
}
CHARTS = tuple(_MAKERS)
"""Names of all pictures there can be."""


def _span(floor: int) -> str:
    """``10–99`` for 10."""
    if floor < 2:
        return "none" if floor == 0 else "1–9"
    return f"{_short(floor)}–{_short(floor * 10)}"


def _digit_span(floor: int) -> str:
    """What numbers have the first digit of `floor` and as many digits."""
    if floor < 10:
        return str(floor)
    step = 10 ** (len(str(floor)) - 1)
    return f"{floor}–{floor + step - 1}"


def _short(number: int) -> str:
    for unit, word in ((10**9, " bn"), (10**6, " M"), (10**3, " k")):
        if number >= unit:
            return f"{number // unit}{word}"
    return str(number)
