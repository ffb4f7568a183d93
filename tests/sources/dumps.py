"""Dumps in every wrapping, and what a reader makes of them, for the tests of readers."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.model.findings import Finding
from phonotheque.sources.readers import Reader

GOLDEN = Path(__file__).parents[1] / "golden" / "dumps"


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}


def tar_of(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def as_values(column: Any) -> list[Any]:
    return list(column.to_pylist() if isinstance(column, pa.Array) else column)


def read_all(
    reader: Reader, path: Path, after: int = 0
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """(rows with their number under "row", findings); checks what every block must keep."""
    rows: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for item in reader.iter_blocks(path, after):
        if isinstance(item, Finding):
            findings.append(item)
            continue
        columns = {name: as_values(values) for name, values in item.columns.items()}
        assert {len(values) for values in columns.values()} == {len(item.rows)}
        assert item.rows
        assert item.rows == sorted(item.rows)
        assert not rows or rows[-1]["row"] < item.rows[0]
        for place, number in enumerate(item.rows):
            rows.append({"row": number} | {n: values[place] for n, values in columns.items()})
    return rows, findings


def as_golden(rows: list[dict[str, Any]], findings: list[Finding]) -> str:
    """One JSON document per line: the rows, then the findings."""
    said = [finding.as_dict() for finding in findings]
    return "".join(
        json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n"
        for document in [*rows, *said]
    )


def lines_of(documents: Iterable[Any]) -> bytes:
    return "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents).encode()
