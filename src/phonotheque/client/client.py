"""The operations of the API, one method each; a test holds them against its document."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any, Self, TypeVar
from urllib.parse import quote

from phonotheque.client.asking import Asker
from phonotheque.model import answers, archive_answers
from phonotheque.model.rights import Use

T = TypeVar("T")
_BATCH = 10_000
_BATCH_WITH_RECORDINGS = 1_000


class Client:
    """Reads the archive at an address, such as ``https://music.example``; for any number of
    threads. With an API `key` the server's limit is higher.

    Every method raises `ApiError` where the server refuses (its `problem.status` says why, 404 for
    what this edition does not know), and `TransferError` where it does not answer.
    """

    def __init__(self, base: str, *, key: str | None = None, timeout_seconds: float = 60) -> None:
        self._asker = Asker(f"{base.rstrip('/')}/api/v1", key, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        """Let go of the connections."""
        self._asker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------- finding

    def search(
        self,
        q: str,
        *,
        limit: int = 20,
        cursor: str | None = None,
        facets: bool = False,
        highlights: bool = False,
    ) -> answers.SearchAnswer:
        """One page of recordings by words and filters (docs/searching.md)."""
        values = {"q": q, "limit": limit, "cursor": cursor, "facets": facets}
        return self._ask("/search", answers.SearchAnswer, **values, highlights=highlights)

    def iter_search(self, q: str) -> Iterator[answers.HitAnswer]:
        """All recordings found, page by page as they are asked for."""
        return _pages(lambda cursor: self.search(q, limit=100, cursor=cursor), "hits")

    def lookup(self, q: str, *, recordings: bool = False) -> answers.LookupAnswer:
        """What one identifier stands for."""
        return self._ask("/lookup", answers.LookupAnswer, q=q, recordings=recordings)

    def lookup_batch(
        self, queries: Iterable[str], *, recordings: bool = False
    ) -> Iterator[answers.LookupAnswer]:
        """What any number of identifiers stand for, in their order; some thousands at a time."""
        left = iter(queries)
        size = _BATCH_WITH_RECORDINGS if recordings else _BATCH
        while some := list(islice(left, size)):
            body = answers.LookupRequest(queries=some, recordings=recordings)
            yield from self._asker.stream("/lookup", {}, answers.LookupAnswer, body)

    # ------------------------------------------------------------------------- reading

    def read_recording(self, public_id: str) -> answers.RecordingAnswer:
        """All that the edition says of a recording."""
        return self._ask(f"/recordings/{_part(public_id)}", answers.RecordingAnswer)

    def read_rights(
        self,
        public_id: str,
        *,
        territory: Sequence[str] = (),
        date: date | None = None,
        use: Sequence[Use] = (),
    ) -> archive_answers.RightsOfAnswer:
        """What may be done with a recording where, when and for what, argued."""
        return self._ask(
            f"/recordings/{_part(public_id)}/rights",
            archive_answers.RightsOfAnswer,
            territory=list(territory),
            date=None if date is None else date.isoformat(),
            use=[one.value for one in use],
        )

    def read_release(self, public_id: str) -> answers.ReleaseAnswer:
        """A release with its tracks (the first 1,000)."""
        return self._ask(f"/releases/{_part(public_id)}", answers.ReleaseAnswer)

    def list_release_tracks(
        self, public_id: str, *, limit: int = 100, cursor: str | None = None
    ) -> answers.ReleaseTracksAnswer:
        """One page of the tracks of a release."""
        address = f"/releases/{_part(public_id)}/tracks"
        return self._ask(address, answers.ReleaseTracksAnswer, limit=limit, cursor=cursor)

    def read_artist(
        self, public_id: str, *, limit: int = 50, cursor: str | None = None
    ) -> answers.ArtistAnswer:
        """An artist with one page of recordings, the most listened first."""
        address = f"/artists/{_part(public_id)}"
        return self._ask(address, answers.ArtistAnswer, limit=limit, cursor=cursor)

    def iter_artist_recordings(self, public_id: str) -> Iterator[answers.RecordingSummary]:
        """All recordings of an artist, the most listened first."""
        return _pages(
            lambda cursor: self.read_artist(public_id, limit=100, cursor=cursor), "recordings"
        )

    # ------------------------------------------------------------------------- the archive

    def read_edition(self) -> answers.EditionAnswer:
        """The edition that is served, in figures."""
        return self._ask("/edition", answers.EditionAnswer)

    def list_editions(
        self, *, limit: int = 20, cursor: str | None = None
    ) -> archive_answers.EditionsAnswer:
        """One page of the editions that are there, the newest first."""
        return self._ask("/editions", archive_answers.EditionsAnswer, limit=limit, cursor=cursor)

    def read_edition_named(self, name: str) -> answers.EditionAnswer:
        """One edition in figures."""
        return self._ask(f"/editions/{_part(name)}", answers.EditionAnswer)

    def list_changes(
        self, since: int, *, limit: int = 100, cursor: str | None = None
    ) -> archive_answers.ChangesAnswer:
        """One page of what changed after edition number `since`."""
        values: dict[str, Any] = {"since": since, "limit": limit, "cursor": cursor}
        return self._ask("/changes", archive_answers.ChangesAnswer, **values)

    def iter_changes(
        self, since: int, *, cursor: str | None = None
    ) -> Iterator[archive_answers.ChangeAnswer]:
        """All that changed after edition number `since`, in one stream."""
        values = {"since": since, "cursor": cursor}
        return self._asker.stream("/changes", values, archive_answers.ChangeAnswer)

    def list_volumes(self, *, limit: int = 100, cursor: str | None = None) -> answers.VolumesAnswer:
        """One page of the volumes by name."""
        return self._ask("/volumes", answers.VolumesAnswer, limit=limit, cursor=cursor)

    def iter_volumes(self) -> Iterator[answers.VolumeAnswer]:
        """All volumes by name."""
        return _pages(lambda cursor: self.list_volumes(cursor=cursor), "volumes")

    def read_volume(self, volume: str) -> answers.VolumeAnswer:
        """One volume."""
        return self._ask(f"/volumes/{_part(volume)}", answers.VolumeAnswer)

    def list_volume_files(
        self, volume: str, *, limit: int = 100, cursor: str | None = None
    ) -> archive_answers.VolumeFilesAnswer:
        """One page of the files of a volume by path."""
        address = f"/volumes/{_part(volume)}/files"
        return self._ask(address, archive_answers.VolumeFilesAnswer, limit=limit, cursor=cursor)

    def iter_volume_files(
        self, volume: str, *, cursor: str | None = None
    ) -> Iterator[archive_answers.VolumeFileAnswer]:
        """All files of a volume by path, in one stream."""
        address = f"/volumes/{_part(volume)}/files"
        return self._asker.stream(address, {"cursor": cursor}, archive_answers.VolumeFileAnswer)

    def read_file(self, sha256: str) -> archive_answers.FilePlacesAnswer:
        """A published file by its digest."""
        return self._ask(f"/files/{_part(sha256)}", archive_answers.FilePlacesAnswer)

    def read_statistics(self) -> dict[str, Any]:
        """Figures of the edition, as the document of the API describes them."""
        return self._ask("/statistics", dict[str, Any])

    def read_notices(self, *, limit: int = 100, cursor: str | None = None) -> answers.NoticesAnswer:
        """One page of notices of take-down, the newest first."""
        return self._ask("/notices", answers.NoticesAnswer, limit=limit, cursor=cursor)

    def read_notice(self, case: str) -> answers.NoticeAnswer:
        """One notice."""
        return self._ask(f"/notices/{_part(case)}", answers.NoticeAnswer)

    def _ask(self, path: str, kind: type[T], **values: Any) -> T:
        return self._asker.ask(path, values, kind)


def _pages(page_at: Callable[[str | None], Any], rows: str) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page = page_at(cursor)
        yield from getattr(page, rows)
        cursor = page.next_cursor
        if cursor is None:
            return


def _part(text: str) -> str:
    """A text as one part of an address."""
    return quote(text, safe="")
