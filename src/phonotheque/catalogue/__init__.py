"""The catalogue: recordings, tracks, releases, artists under permanent numbers."""

from phonotheque.catalogue.reader import CatalogueReader, open_edition

__all__ = ["CatalogueReader", "open_edition"]
