"""Answers made smaller: for whom, which, and that they are the same when unpacked."""

import io
from typing import Any

import pyarrow as pa
import pytest
from litestar.testing import TestClient

from phonotheque.serve.compressing import Packer, chosen_coding, is_compressible


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
        ("GZIP;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0", None),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("gzip;q=x", None),
        ("gzip;q=2", None),
        ("br", None),
    ],
)
def test_the_client_says_what_it_takes(accepted: str, coding: str | None) -> None:
    assert chosen_coding(accepted) == coding


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_was_given_can_be_read_as_soon_as_it_arrives(coding: str) -> None:
    packer = Packer(coding)
    pieces = [bytes([n]) * 5000 for n in range(5)]
    packed = b""
    for n, piece in enumerate(pieces, 1):
        packed += packer.pack(piece, last=False)
        reader: Any = pa.input_stream(io.BytesIO(packed), compression=coding)
        assert reader.read(5000 * n) == b"".join(pieces[:n])
    packed += packer.pack(b"", last=True)
    assert pa.input_stream(io.BytesIO(packed), compression=coding).read() == b"".join(pieces)


@pytest.mark.parametrize(
    ("status", "headers", "wanted"),
    [
        (200, {b"content-type": b"application/json"}, True),
        (200, {b"content-type": b"text/html; charset=utf-8"}, True),
        (404, {b"content-type": b"application/problem+json"}, True),
        (200, {b"content-type": b"application/vnd.apache.arrow.stream"}, True),
        (200, {b"content-type": b"application/json", b"accept-ranges": b"bytes"}, False),
        (200, {b"content-type": b"application/json", b"content-encoding": b"gzip"}, False),
        (206, {b"content-type": b"text/plain"}, False),
        (304, {}, False),
        (200, {b"content-type": b"audio/ogg"}, False),
    ],
)
def test_only_text_that_is_asked_for_whole_is_compressed(
    status: int, headers: dict[bytes, bytes], wanted: bool
) -> None:
    assert is_compressible(status, list(headers.items())) == wanted


def test_streams_and_pages_are_the_same_when_unpacked(client: TestClient) -> None:
    asked = {"queries": ["FRX872100001"] * 3000}
    plain = client.post("/api/v1/lookup", json=asked, headers={"accept-encoding": "identity"})
    small = client.post("/api/v1/lookup", json=asked, headers={"accept-encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == plain.content
    with client.stream(
        "POST", "/api/v1/lookup", json=asked, headers={"accept-encoding": "zstd"}
    ) as packed:
        content = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "zstd"
    assert pa.input_stream(io.BytesIO(content), compression="zstd").read() == plain.content
    with client.stream("GET", "/api/v1/openapi.json", headers={"accept-encoding": "zstd"}) as one:
        content = b"".join(one.iter_raw())
    assert one.headers["content-length"] == str(len(content))
    whole = client.get("/api/v1/openapi.json", headers={"accept-encoding": "identity"})
    assert pa.input_stream(io.BytesIO(content), compression="zstd").read() == whole.content
    page = client.get("/?q=anna", headers={"accept-encoding": "gzip"})
    assert (page.headers["content-encoding"], "Anna" in page.text) == ("gzip", True)


def test_short_answers_and_files_go_out_as_they_are(client: TestClient) -> None:
    takes = {"accept-encoding": "gzip, zstd"}
    short = client.get("/api/v1/lookup?q=x", headers=takes)
    assert "content-encoding" not in short.headers
    assert "accept-encoding" in short.headers["vary"]
    file = client.get("/editions/2026-11/edition.json", headers=takes)
    assert "content-encoding" not in file.headers
