"""`explain`: why the rows of a recording are one recording, from the archive's own imports."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from phonotheque.archive.build import build_inputs
from phonotheque.catalogue import BuildInputs, Explanation, current_build, explain_from_imports
from phonotheque.engine import LocalEngine
from phonotheque.model.edition import BuildManifest
from phonotheque.model.errors import InputError, NotFoundError
from phonotheque.model.numbers import IdKey, Kind, parse_public_id
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree

MEMORY = "2GB"
Opened = tuple[LocalEngine, BuildInputs, BuildManifest, Path, int]


def explain(tree: Tree, recording: str) -> Explanation:
    """Explain a recording of the current build, named by its public id or its number.

    Reads every import once or twice; writes only to a temporary directory.

    Raises:
        NotFoundError: no archive, no build, or no such recording in it.
        InputError: what was given names no recording.
    """
    with opened_imports(tree, recording) as (engine, inputs, manifest, directory, number):
        return explain_from_imports(engine, inputs, manifest, directory, number)


@contextmanager
def opened_imports(tree: Tree, recording: str) -> Iterator[Opened]:
    """What asking the imports of the current build about a recording takes: an engine in a
    temporary directory, the imports, the build, where it stands, and the number of `recording`.

    Raises:
        NotFoundError: no archive, or no build.
        InputError: what was given names no recording.
    """
    settings = read_settings(tree)
    current = current_build(tree)
    if current is None:
        raise NotFoundError(f"{tree.root}: no catalogue yet; run `phonotheque build` first")
    manifest, directory = current
    number = recording_number(recording, IdKey(bytes.fromhex(settings.id_key)))
    inputs = build_inputs(tree, settings, manifest)
    with TemporaryDirectory(prefix="phonotheque-explain-") as folder:
        engine = LocalEngine(Path(folder), memory=MEMORY)
        try:
            yield engine, inputs, manifest, directory, number
        finally:
            engine.close()


def recording_number(text: str, key: IdKey) -> int:
    """The number that `text` names: itself, or the public id of a recording.

    Raises:
        InputError: it names none.
    """
    if text.isascii() and text.isdecimal():
        return int(text)
    kind, number = parse_public_id(text, key)
    if kind is not Kind.RECORDING:
        raise InputError(f"{text}: is the id of no recording; those begin with r")
    return number
