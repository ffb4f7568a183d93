"""The catalogue: recordings, tracks, releases, artists under permanent numbers."""

from phonotheque.catalogue.builds import build_directory, current_build, open_build
from phonotheque.catalogue.reader import CatalogueReader, open_edition

__all__ = ["CatalogueReader", "build_directory", "current_build", "open_build", "open_edition"]
