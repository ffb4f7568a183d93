"""What an edition holds, in figures: by tier, licence, decade, length; the most listened.

Every figure is one SQL query over the views of `catalogue.open_edition`, kept by name in
`statistics.queries`, so that anybody can repeat it. And which edition brought or dropped what,
and the feed that tells of them.
"""

from phonotheque.statistics.feed import format_feed
from phonotheque.statistics.figures import (
    DecadeFigures,
    DurationBin,
    LicenceFigures,
    Statistics,
    TierFigures,
    TopRecording,
    Totals,
    VolumeFigures,
    read_statistics,
)
from phonotheque.statistics.lineage import (
    EditionLineage,
    History,
    LineageEvent,
    read_history,
    read_lineage,
)
from phonotheque.statistics.queries import QUERIES

__all__ = [
    "QUERIES",
    "DecadeFigures",
    "DurationBin",
    "EditionLineage",
    "History",
    "LicenceFigures",
    "LineageEvent",
    "Statistics",
    "TierFigures",
    "TopRecording",
    "Totals",
    "VolumeFigures",
    "format_feed",
    "read_history",
    "read_lineage",
    "read_statistics",
]
