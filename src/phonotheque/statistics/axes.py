"""What all pictures of the statistics share: colours, axes and the frame, in Vega-Lite's words.

Colours are those of the pages by day; a style sheet puts others in their place by these values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
INK, SOFT, LINE = "#1e1c19", "#645f57", "#e2ddd2"
MAIN, OTHER = "#1f5e54", "#b0561d"
MORE = (MAIN, OTHER, "#4a5fa5", "#8a3f78", "#7a6a10", "#5c6670")
WIDTH, HEIGHT = 700, 260
FONT = "'Liberation Sans', Arial, Helvetica, sans-serif"  # of equal widths, so that labels fit

_CONFIG: Spec = {
    "background": None,
    "aria": False,  # the picture as a whole is named; its table says the rest
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": SOFT, "tickColor": SOFT, "gridColor": LINE, "labelColor": INK,
        "titleColor": SOFT, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "labelLimit": 200, "titlePadding": 8,
    },
    "legend": {
        "labelColor": INK, "labelFontSize": 12, "orient": "top", "title": None, "symbolSize": 120,
        "direction": "horizontal", "columnPadding": 24, "offset": 8,
    },
}  # fmt: skip
COUNT_LABELS = "replace(replace(format(datum.value, '~s'), 'G', ' bn'), /([kM])$/, ' $1')"
BYTE_LABELS = "datum.value == 0 ? '0' : replace(format(datum.value, '.3~s'), /([kMGTP]?)$/, ' $1B')"
POINT: Spec = {"size": 24, "color": MAIN, "filled": True}


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture: `title` is its name, `description` what it shows, for who cannot see it."""

    title: str
    description: str
    spec: Spec


def make_chart(
    title: str, description: str, rows: Sequence[dict[str, Any]], mark: Spec, **encoding: Spec
) -> Chart:
    """A picture of `rows`, by `mark`, as `encoding` places its columns."""
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": WIDTH,
        "height": HEIGHT,
        "config": _CONFIG,
        "data": {"values": list(rows)},
        "mark": mark,
        "encoding": encoding,
    }
    return Chart(title, description, spec)


def make_bars(title: str, name: str, rows: Sequence[dict[str, Any]], x: Spec) -> Chart | None:
    """Lying bars, one for each of `rows`, which come with the longest first; None without rows."""
    if not rows:
        return None
    made = make_chart(
        title,
        f"Bars, the longest first, for each {name}.",
        rows,
        mark={"type": "bar", "color": MAIN},
        y={"field": name, "type": "nominal", "sort": None, "axis": {"title": None}},
        x=x,
    )
    made.spec["height"] = {"step": 26}
    return made


def count_axis(field: str, title: str) -> Spec:
    """A scale of numbers from nought, as people say them: 10 k, 3 M."""
    axis = {"title": title, "labelExpr": COUNT_LABELS, "tickCount": 5, "tickMinStep": 1}
    return {"field": field, "type": "quantitative", "axis": axis}


def byte_axis(field: str, title: str) -> Spec:
    """A scale of bytes, in decimal units."""
    axis = {"title": title, "labelExpr": BYTE_LABELS, "tickCount": 5}
    return {"field": field, "type": "quantitative", "axis": axis}


def share_axis(field: str, title: str) -> Spec:
    """A scale of shares from 0 to 1, in per cent."""
    axis = {"title": title, "format": ".0%", "tickCount": 5}
    scale = {"domain": [0, 1]}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}


def logarithmic_axis(field: str, title: str, greatest: float) -> Spec:
    """A logarithmic scale from what there is to `greatest`, with lines at the powers of ten."""
    powers = [10**n for n in range(13) if 10**n <= max(greatest, 1)]
    axis = {"title": title, "labelExpr": COUNT_LABELS, "values": powers}
    scale = {"type": "log", "nice": False}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}


def ordinal_axis(field: str, title: str) -> Spec:
    """Names or steps, in the order of the rows."""
    axis = {"title": title, "labelAngle": 0, "labelOverlap": True}
    return {"field": field, "type": "ordinal", "sort": None, "axis": axis}


def colours(field: str, names: Sequence[str], colours: Sequence[str]) -> Spec:
    """Colours by name, with a legend."""
    scale = {"domain": list(names), "range": list(colours)}
    return {"field": field, "type": "nominal", "scale": scale}
