"""A client of the JSON API: one method for each operation, answers as typed values.

    from phonotheque.client import Client

    with Client("https://music.example", key="…") as archive:
        for hit in archive.iter_search("blue hour"):
            print(hit.artist, hit.title)

Errors are those of `phonotheque.model.errors`; docs/api.md has the rest.
"""

from phonotheque.client.asking import ApiError
from phonotheque.client.client import Client

__all__ = ["ApiError", "Client"]
