"""phonotheque: build, search, release and mirror an open music-preservation archive."""

__version__ = "0.1.0"
