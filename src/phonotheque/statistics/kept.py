"""Statistics are counted once for each edition, and kept beside its search index."""

import errno
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import ArchiveBusyError, NotFoundError, PhonothequeError
from phonotheque.model.progress import Progress
from phonotheque.statistics.axes import Chart
from phonotheque.statistics.charts import make_charts
from phonotheque.statistics.counting import DEFAULT_MEMORY_BYTES, read_growth, read_statistics
from phonotheque.statistics.drawing import DrawingError, draw, mark_of
from phonotheque.statistics.figures import EditionFigures, Statistics
from phonotheque.statistics.views import volumes_lacking
from phonotheque.storage.documents import parse_document, read_document, write_document
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.lock import writing

STATISTICS_FORMAT = 1
_FILE = "statistics.json"
_WAIT_SECONDS = 0.2
_CANNOT_WRITE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as SVG, and in words: what it shows, for who cannot see it. `spec`: the Vega-Lite
    specification that it was drawn of, figures included."""

    title: str
    description: str
    svg: str
    spec: dict[str, Any]


class DrawnStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of an edition and their pictures, by name."""

    statistics: Statistics
    pictures: dict[str, Picture]
    not_drawn: str = ""  # why there are no pictures; the figures are whole


class KeptStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """`statistics.json`: the figures, and of which edition. `pictures`: name → digest of what the
    picture ``<name>.svg`` was drawn of, and by."""

    FORMAT: ClassVar[int] = STATISTICS_FORMAT

    format: int
    edition_sha256: str
    lacking_sha256: str  # of the names of volumes whose tables were not here
    pictures: dict[str, str]
    statistics: Statistics


def ensure_statistics(
    edition_dir: Path,
    folder: Path,
    progress: Progress | None = None,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> DrawnStatistics:
    """The figures and pictures of the edition in `edition_dir`, kept in `folder`: counted where
    that has none of this very edition. Where `folder` cannot be written, they are not kept; where
    the pictures cannot be drawn, the figures come alone. Who finds another counting waits for it.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
    """
    place = _place_of(edition_dir, folder)
    while (drawn := place.read()) is None:
        try:
            with writing(folder):
                if place.figures() is None:
                    place.keep(read_statistics(edition_dir, progress, memory_bytes=memory_bytes))
                place.draw_missing()
        except ArchiveBusyError:
            time.sleep(_WAIT_SECONDS)
        except DrawingError as error:
            found = place.figures()
            assert found is not None
            return DrawnStatistics(statistics=found.statistics, pictures={}, not_drawn=str(error))
        except OSError as error:
            if error.errno not in _CANNOT_WRITE:
                raise
            return _unkept(read_statistics(edition_dir, progress, memory_bytes=memory_bytes))
    return drawn


def find_statistics(edition_dir: Path, folder: Path) -> DrawnStatistics | None:
    """What `ensure_statistics` would give, where all of it is kept already; nothing is counted.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
    """
    return _place_of(edition_dir, folder).read()


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder with the statistics of one edition, perhaps; `growth` is as of now."""

    folder: Path
    edition_sha256: str
    lacking_sha256: str
    growth: list[EditionFigures]

    def figures(self) -> KeptStatistics | None:
        """What is kept of this edition."""
        try:
            found = read_document(self.folder / _FILE, KeptStatistics)
        except PhonothequeError:
            return None
        same = (found.edition_sha256, found.lacking_sha256) == self._of()
        return found if same else None

    def _of(self) -> tuple[str, str]:
        return self.edition_sha256, self.lacking_sha256

    def read(self) -> DrawnStatistics | None:
        """What is kept, if nothing is missing nor older than what it is of."""
        found = self.figures()
        if found is None or found.statistics.growth != self.growth:
            return None
        charts = make_charts(found.statistics)
        if {name: mark_of(chart) for name, chart in charts.items()} != found.pictures:
            return None
        try:
            svgs = {name: (self.folder / f"{name}.svg").read_text() for name in charts}
        except OSError:
            return None
        return _drawn(found.statistics, charts, svgs)

    def keep(self, statistics: Statistics, pictures: dict[str, str] | None = None) -> None:
        """Write the figures; no picture is drawn of them yet."""
        made = KeptStatistics(
            format=STATISTICS_FORMAT,
            edition_sha256=self.edition_sha256,
            lacking_sha256=self.lacking_sha256,
            pictures=pictures or {},
            statistics=statistics,
        )
        write_document(self.folder / _FILE, made)

    def draw_missing(self) -> None:
        """Draw what is not drawn, or of other figures; what stays is left alone."""
        found = self.figures()
        assert found is not None
        statistics = msgspec.structs.replace(found.statistics, growth=self.growth)
        charts = make_charts(statistics)
        marks = {name: mark_of(chart) for name, chart in charts.items()}
        missing = {
            name: chart
            for name, chart in charts.items()
            if marks[name] != found.pictures.get(name)
            or not (self.folder / f"{name}.svg").is_file()
        }
        for name, svg in draw(missing).items():
            write_bytes(self.folder / f"{name}.svg", svg.encode())
        self.keep(statistics, marks)


def _place_of(edition_dir: Path, folder: Path) -> _Place:
    path = edition_dir / "edition.json"
    if not path.is_file():
        raise NotFoundError(f"{path}: there is no such file")
    content = path.read_bytes()
    manifest = parse_document(content, EditionManifest, str(path))
    lacking = sha256("\n".join(volumes_lacking(manifest, edition_dir)).encode()).hexdigest()
    digest = sha256(content).hexdigest()
    return _Place(folder, digest, lacking, read_growth(edition_dir, manifest))


def _unkept(statistics: Statistics) -> DrawnStatistics:
    charts = make_charts(statistics)
    try:
        return _drawn(statistics, charts, draw(charts))
    except DrawingError as error:
        return DrawnStatistics(statistics=statistics, pictures={}, not_drawn=str(error))


def _drawn(
    statistics: Statistics, charts: dict[str, Chart], svgs: dict[str, str]
) -> DrawnStatistics:
    pictures = {
        name: Picture(
            title=chart.title, description=chart.description, svg=svgs[name], spec=chart.spec
        )
        for name, chart in charts.items()
    }
    return DrawnStatistics(statistics=statistics, pictures=pictures)
