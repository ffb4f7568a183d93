"""Drawing: Vega-Lite specifications to SVG, in a process of its own, which ends with them.

The engine (vl-convert: Vega in V8) stays in memory once it has drawn, so no server loads it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.metadata import version

from phonotheque.model.errors import PhonothequeError
from phonotheque.statistics.axes import Chart

_DRAW_SECONDS = 120
_VEGA_LITE = "6.4"
_FORM = 2  # of what is done with a drawing here
_PROGRAM = f"""
import json, sys
import vl_convert
json.dump(
    {{name: vl_convert.vegalite_to_svg(spec, vl_version="{_VEGA_LITE}")
     for name, spec in json.load(sys.stdin).items()}},
    sys.stdout,
)
"""

# by night: what stands in the place of each colour of `axes`
_NIGHT = {
    "#1e1c19": "#ebe6dc", "#645f57": "#a59e92", "#e2ddd2": "#35322d",
    "#1f5e54": "#86c9b9", "#b0561d": "#e0965f", "#4a5fa5": "#9db0ec", "#8a3f78": "#dd9dce",
    "#7a6a10": "#cdbb55", "#5c6670": "#aab4bf",
}  # fmt: skip
_PAPER = ("#fbf9f4", "#171614")  # by day, by night


class DrawingError(PhonothequeError):
    """No picture could be drawn; the figures do not need any."""


def mark_of(chart: Chart) -> str:
    """A digest of all that a picture is drawn of, and by."""
    drawn_by = [version("vl-convert-python"), _VEGA_LITE, _FORM, _NIGHT]
    said = json.dumps([drawn_by, chart.title, chart.description, chart.spec], sort_keys=True)
    return sha256(said.encode()).hexdigest()


def draw(charts: Mapping[str, Chart]) -> dict[str, str]:
    """The charts as SVG, by name, each with its title and description within. No styles: a page
    allows none but its own. Equal charts give equal bytes.

    Raises:
        DrawingError: the drawing program failed.
    """
    if not charts:
        return {}
    specs = json.dumps({name: chart.spec for name, chart in charts.items()})
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM],
            input=specs, capture_output=True, text=True, timeout=_DRAW_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise DrawingError(f"the pictures could not be drawn: {error}") from error
    if ran.returncode:
        last = ran.stderr.strip().rpartition("\n")[2]
        raise DrawingError(f"the pictures could not be drawn: {last}")
    drawn = json.loads(ran.stdout)
    return {name: _told(drawn[name], name, chart) for name, chart in charts.items()}


def _told(svg: str, name: str, chart: Chart) -> str:
    """The drawing with a name for who cannot see it, and with ids that no other picture has."""
    head, _, body = svg.partition(">")
    body = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", body)  # it is one picture, named once
    title, text = f"{name}-title", f"{name}-description"
    named = f'{head} role="img" aria-labelledby="{title} {text}">'
    said = (
        f'<title id="{title}">{escape(chart.title)}</title>'
        f'<desc id="{text}">{escape(chart.description)}</desc>'
    )
    for held in sorted(set(re.findall(r'id="(clip\d+)"', body))):
        body = body.replace(f'"{held}"', f'"{name}-{held}"').replace(
            f"#{held})", f"#{name}-{held})"
        )
    return f"{named}{said}{body}\n"


def format_picture(svg: str) -> bytes:
    """A picture to stand by itself: with the style sheet of the night, which pages have already."""
    head, mark, body = svg.partition(">")
    by_night = "".join(
        f'[{side}="{day}"]{{{side}:{night}}}'
        for day, night in _NIGHT.items()
        for side in ("fill", "stroke")
    )
    style = (
        f"<style>svg{{background:{_PAPER[0]}}}@media (prefers-color-scheme:dark)"
        f"{{svg{{background:{_PAPER[1]}}}{by_night}}}</style>"
    )
    return f"{head}{mark}{style}{body}".encode()
