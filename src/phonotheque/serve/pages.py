"""The pages: each handler asks for the same answer as the API, and draws it."""

from datetime import date
from functools import cached_property
from itertools import groupby
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, route
from litestar.params import FromPath, PathParameter, QueryParameter
from litestar.response import Redirect

from phonotheque import __version__
from phonotheque.model import answers
from phonotheque.model.errors import InputError, PhonothequeError
from phonotheque.model.numbers import Kind, format_public_id
from phonotheque.search import DisplayRow
from phonotheque.serve import assemble
from phonotheque.serve.conditional import fresh_answers
from phonotheque.serve.editions import editions_answer
from phonotheque.serve.keeping import kept_here
from phonotheque.serve.linked_data import (
    format_artist_data,
    format_recording_data,
    format_release_data,
)
from phonotheque.serve.lookups import lookup_answers
from phonotheque.serve.mirror_page import get_command, mirror_commands, mirror_values, root_of
from phonotheque.serve.naming import number_of
from phonotheque.serve.notice_form import notice_form_handlers
from phonotheque.serve.notices import notice_answer, notices_answer
from phonotheque.serve.problems import HTML_TYPE, not_found
from phonotheque.serve.publication import Publication
from phonotheque.serve.rank_curve import draw_rank_curve
from phonotheque.serve.rendering import ASSETS, law_choices, read_assets, render
from phonotheque.serve.rights_page import rights_values
from phonotheque.serve.searching import narrowings, search_answer
from phonotheque.serve.site_routes import READ, cover_handler, site_handlers, site_of
from phonotheque.serve.statistics import statistics_values
from phonotheque.serve.subsonic import Players
from phonotheque.statistics import EditionLineage, format_picture, read_edition_lineage

HITS_PER_PAGE = 20
RECORDINGS_PER_PAGE = 100
VOLUMES_PER_PAGE = 200
NOTICES_PER_PAGE = 50
EDITIONS_SHOWN = 12
LEGAL = (
    "This archive publishes only recordings for which it holds evidence of a licence or of the "
    "public domain that allows it. Catalogue facts are published as facts. The software judges by "
    "rules it names; it gives no legal advice, and laws differ between countries."
)
Text = Annotated[str, QueryParameter(max_length=512)]
Cursor = Annotated[str | None, QueryParameter(max_length=512)]
Id = Annotated[str, PathParameter(max_length=64)]
Amount = Annotated[float | None, QueryParameter(ge=0, le=1e9)]
Unit = Annotated[Literal["MB", "GB", "TB"], QueryParameter()]
Preference = Annotated[Literal["popular", "complete-tiers"], QueryParameter()]
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # its colours by night
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}


class Pages:
    """The pages of one publication; `public_url` is the address readers use, if it is known;
    `players`, how those are let in."""

    def __init__(self, publication: Publication, public_url: str | None, players: Players) -> None:
        self._publication = publication
        self._public_url = public_url
        self._players = players
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
            route_handlers=[
                *self._handlers(),
                *site_handlers(self._publication, self._public_url),
            ],
            include_in_schema=False,
            **fresh_answers(self._publication),
        )
        others = [
            _static_handler(),
            cover_handler(self._publication),
            *notice_form_handlers(self._draw_form),
        ]
        return Router(path="/", route_handlers=[pages, *others], include_in_schema=False)

    def draw_problem(self, _: Request[Any, Any, Any], problem: answers.ProblemAnswer) -> str:
        """The page of an error."""
        return self._render("problem.html", problem=problem)

    def _draw_form(self, template: str, **values: Any) -> str:
        archive = self._publication.manifest.archive
        about = {"publisher": archive.publisher, "seat": archive.seat, "laws": law_choices()}
        return self._render(template, **about, **values)

    def _handlers(self) -> list[Any]:
        return [*self._music_handlers(), *self._archive_handlers()]

    def _music_handlers(self) -> list[Any]:
        """Of what there is to hear."""

        @route("/", **READ)
        def search(q: Text = "", cursor: Cursor = None) -> Response[Any]:
            return self._search(q.strip(), cursor)

        @route("/recording/{public_id:str}", **READ)
        def recording(request: Request[Any, Any, Any], public_id: Id) -> Response[Any]:
            return self._recording(public_id, site_of(request, self._public_url))

        @route("/recording/{public_id:str}/rights", **READ)
        def rights(
            public_id: Id,
            territory: Annotated[str, QueryParameter(max_length=60)] = "",
            date: Annotated[str, QueryParameter(max_length=10)] = "",
        ) -> Response[Any]:
            return self._rights(public_id, territory, date)

        @route("/release/{public_id:str}", **READ)
        def release(request: Request[Any, Any, Any], public_id: Id) -> Response[Any]:
            return self._release(public_id, site_of(request, self._public_url))

        @route("/artist/{public_id:str}", **READ)
        def artist(
            request: Request[Any, Any, Any], public_id: Id, cursor: Cursor = None
        ) -> Response[Any]:
            return self._artist(public_id, cursor, site_of(request, self._public_url))

        return [search, recording, rights, release, artist]

    def _archive_handlers(self) -> list[Any]:
        """Of the archive as such."""

        @route("/edition", **READ)
        def edition(request: Request[Any, Any, Any], cursor: Cursor = None) -> Response[Any]:
            return self._edition(site_of(request, self._public_url), cursor)

        @route("/mirror", **READ)
        def mirror(
            request: Request[Any, Any, Any],
            disk: Amount = None,
            unit: Unit = "GB",
            prefer: Preference = "popular",
        ) -> Response[Any]:
            return self._mirror(site_of(request, self._public_url), disk, unit, prefer)

        @route("/about", **READ)
        def about(request: Request[Any, Any, Any]) -> Response[Any]:
            return self._about(site_of(request, self._public_url))

        @route("/statistics", **READ)
        def statistics() -> Response[Any]:
            return Response(self._statistics, media_type=HTML_TYPE)

        @route("/statistics/{name:str}", **READ)
        def picture(name: Id) -> Response[bytes]:
            return self._picture(name)

        @route("/notices", **READ)
        def notices(cursor: Cursor = None) -> Response[Any]:
            answer = notices_answer(self._publication, cursor, NOTICES_PER_PAGE)
            return self._page("notices.html", here="about", answer=answer, cursor=cursor)

        @route("/notices/{case:str}", **READ)
        def notice(case: Id) -> Response[Any]:
            answer = notice_answer(self._publication, case)
            return self._page("notice.html", here="about", answer=answer)

        return [edition, mirror, about, statistics, picture, notices, notice]

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

    def _row(self, public_id: str) -> DisplayRow:
        number = number_of(self._publication, public_id, Kind.RECORDING)
        rows = self._publication.index.rows([number])
        if not rows:
            raise not_found(f"{public_id}: this edition has no such recording")
        return rows[0]

    def _rights(self, public_id: str, territory: str, day: str) -> Response[Any]:
        row = self._row(public_id)
        if row.public_id != public_id:
            return Redirect(f"/recording/{row.public_id}/rights", status_code=308)
        try:
            on = date.fromisoformat(day) if day else None
        except ValueError:
            raise InputError(f"date: {day!r} is no day; write it as 2026-11-22") from None
        return self._page("rights.html", **rights_values(self._publication, row, territory, on))

    def _recording(self, public_id: str, site: str) -> Response[Any]:
        row = self._row(public_id)
        if row.public_id != public_id:
            return Redirect(f"/recording/{row.public_id}", status_code=308)
        answer = assemble.recording_answer(self._publication, row)
        file = answer.file
        page = self._page(
            "recording.html",
            answer=answer,
            part=self._publication.is_part,
            curve=draw_rank_curve(self._publication, row.rank, row.listens),
            kept=file and kept_here(self._publication, file.volume, file.path, file.sha256),
            get_command=get_command(site, row.public_id, root_of(self._publication)),
            linked_data=format_recording_data(answer, site),
        )
        page.headers.update(assemble.mining_of(answer))
        return page

    def _release(self, public_id: str, site: str) -> Response[Any]:
        number = number_of(self._publication, public_id, Kind.RELEASE)
        answer = assemble.release_answer(self._publication, number)
        if answer is None:
            raise not_found(f"{public_id}: this edition has no such release")
        if answer.id != public_id:
            return Redirect(f"/release/{answer.id}", status_code=308)
        return self._page(
            "release.html",
            answer=answer,
            discs=group_discs(answer.tracks),
            linked_data=format_release_data(answer, site),
        )

    def _artist(self, public_id: str, cursor: str | None, site: str) -> Response[Any]:
        number = number_of(self._publication, public_id, Kind.ARTIST)
        answer = assemble.artist_answer(self._publication, number, cursor, RECORDINGS_PER_PAGE)
        if answer is None:
            raise not_found(f"{public_id}: this edition has no such artist")
        if answer.id != public_id:
            return Redirect(f"/artist/{answer.id}", status_code=308)
        data = format_artist_data(answer, site)
        return self._page("artist.html", answer=answer, cursor=cursor, linked_data=data)

    def _edition(self, origin: str, cursor: str | None) -> Response[Any]:
        return self._page(
            "edition.html",
            here="edition",
            answer=assemble.edition_answer(self._publication),
            volumes=assemble.volumes_answer(self._publication, cursor or "", VOLUMES_PER_PAGE),
            cursor=cursor,
            mirror_commands=mirror_commands(origin, root_of(self._publication)),
            lineage=self._lineage,
            editions=editions_answer(self._publication, None, EDITIONS_SHOWN),
            torrent=self._publication.manifest.catalogue_torrent,
        )

    @cached_property
    def _lineage(self) -> EditionLineage | None:
        """What the edition brought; None where its tables do not say."""
        try:
            name = self._publication.manifest.name
            return read_edition_lineage(self._publication.tree, name)
        except PhonothequeError:
            return None

    def _mirror(self, origin: str, disk: float | None, unit: str, prefer: str) -> Response[Any]:
        values = mirror_values(self._publication, origin, disk, unit, prefer)
        publisher = self._publication.manifest.archive.publisher
        return self._page("mirror.html", here="mirror", publisher=publisher, **values)

    def _about(self, site: str) -> Response[Any]:
        archive = self._publication.manifest.archive
        return self._page(
            "about.html",
            here="about",
            site=site,
            players=self._players,
            publisher=archive.publisher,
            seat=archive.seat,
            archive_id=archive.id,
            example_id=format_public_id(1, self._publication.id_key),
            legal=LEGAL,
            version=__version__,
        )

    @cached_property
    def _statistics(self) -> str:
        """The same for everybody as long as the edition is shown."""
        values = statistics_values(self._publication.drawn, self._publication.id_key)
        return self._render("statistics.html", here="statistics", **values)

    def _picture(self, name: str) -> Response[bytes]:
        stem, _, kind = name.partition(".")
        found = self._publication.drawn.pictures.get(stem)
        if found is None or kind not in ("svg", "vl.json"):
            raise not_found(f"{name}: there is no such picture")
        if kind == "vl.json":
            return Response(msgspec.json.encode(found.spec), media_type="application/json")
        headers = {"content-security-policy": _PICTURE_POLICY}
        return Response(format_picture(found.svg), media_type="image/svg+xml", headers=headers)

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
