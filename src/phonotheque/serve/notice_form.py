"""The form of a notice as a page: it says what a notice lacks and writes the file that the archive
takes. Nothing of it is kept here, and nothing is sent."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, QueryParameter

from phonotheque.rights import Contact, Law, Material, Notice, Statements, check_notice
from phonotheque.serve.problems import HTML_TYPE
from phonotheque.storage.documents import format_document

MAX_FORM_BYTES = 256 << 10
MAX_LINES = 1000
_UNKEPT = {"cache-control": "no-store"}
_CONTACT = ("name", "organisation", "address", "phone", "email")
_STATEMENTS = ("good_faith", "accurate", "authorised_under_perjury")
Draw = Callable[..., str]
Form = Annotated[Any, Body(media_type=RequestEncodingType.URL_ENCODED)]


def notice_form_handlers(draw: Draw) -> list[Any]:
    """The routes; `draw` fills a template of the pages."""

    @get("/notices/new", include_in_schema=False, sync_to_thread=True)
    def empty(
        recording: Annotated[str, QueryParameter(max_length=64)] = "",
    ) -> Response[str]:
        text = draw("notice_form.html", here="about", given={"material": recording}, lacks=None)
        return Response(text, media_type=HTML_TYPE)

    @post(
        "/notices/new",
        include_in_schema=False,
        sync_to_thread=True,
        status_code=200,
        request_max_body_size=MAX_FORM_BYTES,
    )
    def filled(data: Form) -> Response[Any]:
        given = given_of(data if isinstance(data, Mapping) else {})
        notice = notice_of(given)
        if given.get("do") == "download":
            headers = {**_UNKEPT, "content-disposition": 'attachment; filename="notice.toml"'}
            content = format_document(notice, toml=True)
            return Response(content, media_type="application/toml", headers=headers)
        lacks = check_notice(notice)
        text = draw("notice_form.html", here="about", given=given, lacks=lacks)
        return Response(text, media_type=HTML_TYPE, headers=_UNKEPT)

    return [empty, filled]


def given_of(data: Mapping[str, Any]) -> dict[str, str]:
    """What was filled in, each field once."""
    firsts = {
        name: value[0] if isinstance(value, list) and value else value
        for name, value in data.items()
    }
    return {name: value.strip() for name, value in firsts.items() if isinstance(value, str)}


def notice_of(given: Mapping[str, str]) -> Notice:
    """The form of docs/take-down.md, from the fields of the page."""
    law = given.get("law", "")
    return Notice(
        law=Law(law) if law in set(Law) else Law.OTHER,
        signature=given.get("signature", ""),
        works=_lines(given.get("works", "")),
        material=[
            Material(url=line) if "/" in line else Material(id=line)
            for line in _lines(given.get("material", ""))
        ],
        contact=Contact(**{name: given.get(name, "") for name in _CONTACT}),
        statements=Statements(**{name: name in given for name in _STATEMENTS}),
        reasons=given.get("reasons", ""),
        publish_name="publish_name" in given,
    )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()][:MAX_LINES]
