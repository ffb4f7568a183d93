"""OpenSubsonic, for the players that people have: ``/rest`` (docs/opensubsonic.md).

Each request is a call with parameters; each handler asks one function of the other modules and
gives back a document, audio or a picture. What is listed is the *shelf*: what of this edition this
server holds and may stream.
"""

from phonotheque.serve.subsonic.audio import Image, draw_cover, picture_of
from phonotheque.serve.subsonic.login import Players
from phonotheque.serve.subsonic.routes import rest_handler
from phonotheque.serve.subsonic.shelf import Shelves

__all__ = ["Image", "Players", "Shelves", "draw_cover", "picture_of", "rest_handler"]
