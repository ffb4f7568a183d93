"""What an edition holds, in figures and pictures: by tier, rank, licence, year, length, format.

Every figure is one SQL query over the views of an edition, kept by name in `statistics.queries` and
told with it, so that anybody can repeat it. They are counted once and kept (`ensure_statistics`).
And which edition brought or dropped what, and the feed that tells of them.
"""

from phonotheque.statistics import axes
from phonotheque.statistics.axes import Chart
from phonotheque.statistics.counting import read_statistics
from phonotheque.statistics.drawing import DrawingError, format_picture
from phonotheque.statistics.drawing import draw as draw_charts
from phonotheque.statistics.feed import format_feed
from phonotheque.statistics.figures import Statistics, TopRecording
from phonotheque.statistics.kept import DrawnStatistics, ensure_statistics, find_statistics
from phonotheque.statistics.lineage import (
    EditionLineage,
    History,
    LineageEvent,
    read_edition_lineage,
    read_history,
    read_lineage,
)
from phonotheque.statistics.queries import QUERIES

__all__ = [
    "QUERIES",
    "Chart",
    "DrawingError",
    "DrawnStatistics",
    "EditionLineage",
    "History",
    "LineageEvent",
    "Statistics",
    "TopRecording",
    "axes",
    "draw_charts",
    "ensure_statistics",
    "find_statistics",
    "format_feed",
    "format_picture",
    "read_edition_lineage",
    "read_history",
    "read_lineage",
    "read_statistics",
]
