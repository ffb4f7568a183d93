"""The catalogue: recordings, tracks, releases, artists under permanent numbers.

`build_catalogue` makes the next build from imports; `current_build` and `open_build` read the one
that counts; `open_edition` reads a published one.
"""

from phonotheque.catalogue.build import (
    BuildInputs,
    build_catalogue,
    discard_unfinished,
    is_up_to_date,
    work_directory,
)
from phonotheque.catalogue.builds import build_directory, current_build, open_build
from phonotheque.catalogue.inputs import ImportFiles
from phonotheque.catalogue.ports import HOLDER_PRESENT, DecideSummary, Summary, TableEngine
from phonotheque.catalogue.reader import CatalogueReader, open_edition

__all__ = [
    "HOLDER_PRESENT",
    "BuildInputs",
    "CatalogueReader",
    "DecideSummary",
    "ImportFiles",
    "Summary",
    "TableEngine",
    "build_catalogue",
    "build_directory",
    "current_build",
    "discard_unfinished",
    "is_up_to_date",
    "open_build",
    "open_edition",
    "work_directory",
]
