"""What an ingest will read, and into which imports, found without writing anything."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.sources import (
    Reader,
    check_listens_file,
    check_rows_file,
    check_source_name,
    find_reader,
    mapped_reader,
    next_import,
    plan_folder,
    read_mapping,
    reader_named,
    source_name,
)
from phonotheque.storage.documents import read_settings
from phonotheque.storage.durable import free_bytes
from phonotheque.storage.layout import Tree
from phonotheque.vault import Link

AUDIO = "folder"
"""What an input that is a folder of audio is called where others have the name of a reader."""

_CHECKS = {"rows": check_rows_file, "listens": check_listens_file}


class InputPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One input: what it is, how large, what will not be read of it."""

    path: str
    kind: str  # "folder" of audio, or the name of a reader
    table: str  # what comes of it: rows | listens | artists | groups | redirects
    mapping: str | None = None  # path of the mapping file, where one was given
    source: str
    audio_files: int
    bytes: int
    ignored_files: int
    ignored_columns: list[str]


class IngestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `execute_ingest` will read. `needed_bytes` is an upper bound of what is written."""

    inputs: list[InputPlan]
    imports: list[str]  # "<source>/<import>" that would be made
    replaces: list[str]  # those of them that say what is gone as well
    surely: bool = False  # that was said, so any number of rows may go
    link: Link = Link.COPY  # how the bytes of audio files come into the vault
    audio_files: int
    bytes: int
    needed_bytes: int
    free_bytes: int


def plan_ingest(
    tree: Tree,
    inputs: Sequence[Path],
    *,
    source: str | None,
    kind: str,
    now: datetime,
    replace: bool | None = None,
    mapping: Path | None = None,
    link: Link = Link.COPY,
) -> IngestPlan:
    """Look at the inputs without writing anything. `kind` is "auto", "folder" or the name of a
    reader; `replace` overrides what the readers say of that; `mapping` is a mapping file, by which
    all inputs are read; `link` is how the bytes of audio come into the vault.

    Raises:
        NotFoundError: no archive at `tree`, or an input does not exist.
        InputError: an input cannot be read or lacks a required column.
        UsageError: no inputs, a bad source name, an unknown reader, an input of another kind than
            `kind`, or a folder without audio.
    """
    read_settings(tree)
    if not inputs:
        raise UsageError("give at least one folder or file")
    if kind not in ("auto", AUDIO):
        reader_named(kind)
    if mapping is not None and kind != "auto":
        raise UsageError("a mapping file is a reader by itself; give one or the other")
    planned = [_plan_input(path, source, kind, mapping) for path in inputs]
    groups = group_inputs(planned)
    audio_bytes = sum(p.bytes for p in planned if p.kind == AUDIO)
    total = sum(p.bytes for p in planned)
    names = _import_names(tree, groups)
    return IngestPlan(
        inputs=planned,
        imports=names,
        replaces=[
            name
            for name, items in zip(names, groups, strict=True)
            if (replaces(items) if replace is None else replace) and items[0].table == "rows"
        ],
        surely=bool(replace),
        link=link,
        audio_files=sum(p.audio_files for p in planned),
        bytes=total,
        needed_bytes=audio_bytes + 2 * (total - audio_bytes),
        free_bytes=free_bytes(tree.root),
    )


def _import_names(tree: Tree, groups: list[list[InputPlan]]) -> list[str]:
    """``<source>/<import>`` of each group; several of one source are counted on."""
    names: list[str] = []
    for items in groups:
        source = items[0].source
        before = sum(name.startswith(f"{source}/") for name in names)
        names.append(f"{source}/{int(next_import(tree, source)) + before:04d}")
    return names


def _plan_input(path: Path, source: str | None, kind: str, mapping: Path | None) -> InputPlan:
    if not path.exists():
        raise NotFoundError(f"{path}: there is no such file or folder")
    reader = mapped_reader(read_mapping(mapping)) if mapping else _reader_of(path, kind)
    if source is None and reader is not None and (mapping or _is_dump(reader)):
        source = reader.name  # the names of dumps have dates in them
    name = check_source_name(source) if source else source_name(path.resolve())
    if reader is None:
        return _plan_audio(path, name)
    check = None if mapping else _CHECKS.get(reader.name)
    return InputPlan(
        path=str(path),
        kind=reader.name,
        table=reader.kind,
        mapping=str(mapping) if mapping else None,
        source=name,
        audio_files=0,
        bytes=sum(p.stat().st_size for p in _files_of(path)),
        ignored_files=0,
        ignored_columns=check(path) if check else [],
    )


def _is_dump(reader: Reader) -> bool:
    return reader.replaces and reader.name not in _CHECKS


def _files_of(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]


def _plan_audio(path: Path, source: str) -> InputPlan:
    size = plan_folder(path)
    if not size.audio_files and not size.findings:
        raise UsageError(
            f"{path}: holds no audio ({size.other_files:,} other files), and no reader knows it; "
            "give a folder of audio, name tables one by one, or say --as or --map"
        )
    return InputPlan(
        path=str(path),
        kind=AUDIO,
        table="rows",
        source=source,
        audio_files=size.audio_files,
        bytes=size.audio_bytes,
        ignored_files=size.other_files,
        ignored_columns=[],
    )


def _reader_of(path: Path, kind: str) -> Reader | None:
    """The reader of an input; None for a folder of audio."""
    if kind == AUDIO:
        if not path.is_dir():
            raise UsageError(f"{path}: is no folder")
        return None
    if kind != "auto":
        return reader_named(kind)
    if path.is_dir():
        return None if plan_folder(path).audio_files else find_reader(path)
    return find_reader(path) or reader_named("rows")  # whose check says what is missing


def reader_of(item: InputPlan) -> Reader:
    """The reader of a planned input that is no folder of audio.

    Raises:
        InputError: its mapping file does not read.
    """
    if item.mapping is not None:
        return mapped_reader(read_mapping(Path(item.mapping)))
    return reader_named(item.kind)


def group_inputs(inputs: Sequence[InputPlan]) -> list[list[InputPlan]]:
    """Inputs by source and table, in order; one import each.

    Raises:
        UsageError: rows and listens are to go into one source.
    """
    groups: dict[tuple[str, str], list[InputPlan]] = {}
    for item in inputs:
        groups.setdefault((item.source, item.table), []).append(item)
    for name, table in groups:
        if table == "listens" and sum(source == name for source, _ in groups) > 1:
            raise UsageError(f"source {name}: rows and listens cannot be one source; name two")
    return list(groups.values())


def replaces(items: Sequence[InputPlan]) -> bool:
    """Whether all inputs of an import are by themselves the whole truth of the source."""
    return all(item.kind != AUDIO and reader_of(item).replaces for item in items)
