"""The pages: each handler asks for the same answer as the API, and draws it."""

from itertools import groupby
from typing import Annotated, Any

from litestar import Request, Response, Router, route
from litestar.params import FromPath, PathParameter, QueryParameter
from litestar.response import Redirect

from phonotheque import __version__
from phonotheque.model.numbers import Kind, format_public_id
from phonotheque.serve import answers, assemble
from phonotheque.serve.conditional import fresh_answers
from phonotheque.serve.lookups import lookup_answers
from phonotheque.serve.naming import number_of
from phonotheque.serve.notices import notice_answer, notices_answer
from phonotheque.serve.problems import HTML_TYPE, not_found
from phonotheque.serve.publication import Publication
from phonotheque.serve.rendering import ASSETS, read_assets, render
from phonotheque.serve.searching import narrowings, search_answer

HITS_PER_PAGE = 20
RECORDINGS_PER_PAGE = 100
VOLUMES_PER_PAGE = 200
NOTICES_PER_PAGE = 50
LEGAL = (
    "This archive publishes only recordings for which it holds evidence of a licence or of the "
    "public domain that allows it. Catalogue facts are published as facts. The software judges by "
    "rules it names; it gives no legal advice, and laws differ between countries."
)
Text = Annotated[str, QueryParameter(max_length=512)]
Cursor = Annotated[str | None, QueryParameter(max_length=512)]
Id = Annotated[str, PathParameter(max_length=64)]
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}


def mirror_commands(origin: str) -> str:
    """What to type to keep a copy of the archive at `origin`."""
    return "\n".join(
        [
            f"phonotheque plan my-mirror --origin {origin} --disk 500GB",
            "phonotheque sync my-mirror",
            "phonotheque verify my-mirror",
            "phonotheque serve my-mirror",
        ]
    )


class Pages:
    """The pages of one publication; `public_url` is the address readers use, if it is known."""

    def __init__(self, publication: Publication, public_url: str | None) -> None:
        self._publication = publication
        self._public_url = public_url
        manifest = publication.manifest
        self._always = {
            "archive": manifest.archive.name,
            "edition": manifest.name,
            "counts": manifest.counts,
            "home": False,
            "here": "",
            "query": "",
            "cursor": None,
        }

    def router(self) -> Router:
        """The routes of all pages."""
        pages = Router(
            path="/",
            route_handlers=self._handlers(),
            include_in_schema=False,
            **fresh_answers(self._publication),
        )
        return Router(path="/", route_handlers=[pages, _static_handler()], include_in_schema=False)

    def draw_problem(self, _: Request[Any, Any, Any], problem: answers.ProblemAnswer) -> str:
        """The page of an error."""
        return self._render("problem.html", problem=problem)

    def _handlers(self) -> list[Any]:
        read: dict[str, Any] = {"http_method": ["GET", "HEAD"], "sync_to_thread": True}

        @route("/", **read)
        def search(q: Text = "", cursor: Cursor = None) -> Response[Any]:
            return self._search(q.strip(), cursor)

        @route("/recording/{public_id:str}", **read)
        def recording(public_id: Id) -> Response[Any]:
            return self._recording(public_id)

        @route("/release/{public_id:str}", **read)
        def release(public_id: Id) -> Response[Any]:
            return self._release(public_id)

        @route("/artist/{public_id:str}", **read)
        def artist(public_id: Id, cursor: Cursor = None) -> Response[Any]:
            return self._artist(public_id, cursor)

        @route("/edition", **read)
        def edition(request: Request[Any, Any, Any], cursor: Cursor = None) -> Response[Any]:
            origin = self._public_url or str(request.base_url)
            return self._edition(origin.rstrip("/"), cursor)

        @route("/about", **read)
        def about() -> Response[Any]:
            return self._about()

        @route("/notices", **read)
        def notices(cursor: Cursor = None) -> Response[Any]:
            answer = notices_answer(self._publication, cursor, NOTICES_PER_PAGE)
            return self._page("notices.html", here="about", answer=answer, cursor=cursor)

        @route("/notices/{case:str}", **read)
        def notice(case: Id) -> Response[Any]:
            answer = notice_answer(self._publication, case)
            return self._page("notice.html", here="about", answer=answer)

        return [search, recording, release, artist, edition, about, notices, notice]

    def _search(self, query: str, cursor: str | None) -> Response[Any]:
        if not query:
            top = assemble.most_listened(self._publication)
            return self._page("search.html", home=True, top=top)
        if cursor is None and (place := self._place_of(query)):
            return Redirect(place, status_code=302)
        answer = search_answer(
            self._publication, query, HITS_PER_PAGE, cursor, facets=True, highlights=True
        )
        groups = narrowings(query, answer.facets)
        return self._page("search.html", query=query, answer=answer, groups=groups, cursor=cursor)

    def _place_of(self, query: str) -> str | None:
        """The page of the one thing that an identifier names, if `query` is an identifier."""
        (found,) = lookup_answers(self._publication, [query])
        folder = {"r": "recording", "d": "release", "a": "artist"}.get(found.kind or "")
        if found.recognised in ("none", "number") or len(found.ids) != 1 or folder is None:
            return None
        return f"/{folder}/{found.ids[0]}"

    def _recording(self, public_id: str) -> Response[Any]:
        number = number_of(self._publication, public_id, Kind.RECORDING)
        rows = self._publication.index.rows([number])
        if not rows:
            raise not_found(f"{public_id}: this edition has no such recording")
        if rows[0].public_id != public_id:
            return Redirect(f"/recording/{rows[0].public_id}", status_code=308)
        answer = assemble.recording_answer(self._publication, rows[0])
        page = self._page("recording.html", answer=answer)
        page.headers.update(assemble.mining_of(answer))
        return page

    def _release(self, public_id: str) -> Response[Any]:
        number = number_of(self._publication, public_id, Kind.RELEASE)
        answer = assemble.release_answer(self._publication, number)
        if answer is None:
            raise not_found(f"{public_id}: this edition has no such release")
        if answer.id != public_id:
            return Redirect(f"/release/{answer.id}", status_code=308)
        return self._page("release.html", answer=answer, discs=group_discs(answer.tracks))

    def _artist(self, public_id: str, cursor: str | None) -> Response[Any]:
        number = number_of(self._publication, public_id, Kind.ARTIST)
        answer = assemble.artist_answer(self._publication, number, cursor, RECORDINGS_PER_PAGE)
        if answer is None:
            raise not_found(f"{public_id}: this edition has no such artist")
        if answer.id != public_id:
            return Redirect(f"/artist/{answer.id}", status_code=308)
        return self._page("artist.html", answer=answer, cursor=cursor)

    def _edition(self, origin: str, cursor: str | None) -> Response[Any]:
        return self._page(
            "edition.html",
            here="edition",
            answer=assemble.edition_answer(self._publication),
            volumes=assemble.volumes_answer(self._publication, cursor or "", VOLUMES_PER_PAGE),
            cursor=cursor,
            mirror_commands=mirror_commands(origin),
        )

    def _about(self) -> Response[Any]:
        archive = self._publication.manifest.archive
        return self._page(
            "about.html",
            here="about",
            publisher=archive.publisher,
            seat=archive.seat,
            archive_id=archive.id,
            example_id=format_public_id(1, self._publication.id_key),
            legal=LEGAL,
            version=__version__,
        )

    def _page(self, template: str, **values: Any) -> Response[Any]:
        return Response(self._render(template, **values), media_type=HTML_TYPE)

    def _render(self, template: str, **values: Any) -> str:
        return render(template, self._always | values)


def group_discs(
    tracks: list[answers.TrackAnswer],
) -> list[tuple[int | None, list[answers.TrackAnswer]]]:
    """Tracks by disc; one group without a name when there is but one disc."""
    grouped = [(disc, list(group)) for disc, group in groupby(tracks, key=lambda t: t.disc)]
    return grouped if len(grouped) > 1 else [(None, tracks)]


def _static_handler() -> Any:
    @route("/static/{name:str}", http_method=["GET", "HEAD"], sync_to_thread=False)
    def static(name: FromPath[str]) -> Response[bytes]:
        if name not in ASSETS:
            raise not_found(f"{name}: there is no such file")
        return Response(read_assets()[name], media_type=ASSETS[name], headers=_IMMUTABLE)

    return static
