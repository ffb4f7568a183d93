"""The catalogue: recordings, tracks, releases, artists under permanent numbers.

`build_catalogue` makes the next build from imports; `current_build` and `open_build` read the one
that counts; `open_edition` reads a published one. `check_catalogue` is the self-test of either,
`open_slice`, `plan_export` and `execute_export` take parts of one away in a file.

Who reads an edition does not wait for what builds one: those names are loaded when they are first
asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from phonotheque.catalogue.builds import build_directory, current_build, open_build
from phonotheque.catalogue.ports import HOLDER_PRESENT, DecideSummary, Summary, TableEngine
from phonotheque.catalogue.published import (
    Bounds,
    CatalogueFiles,
    find_before,
    find_build,
    find_edition,
)
from phonotheque.catalogue.reader import CatalogueReader, open_edition
from phonotheque.catalogue.wishable import iter_wishable

if TYPE_CHECKING:
    from phonotheque.catalogue.build import (
        BuildInputs,
        build_catalogue,
        discard_unfinished,
        is_up_to_date,
        work_directory,
    )
    from phonotheque.catalogue.checking import CatalogueReport, CheckResult, check_catalogue
    from phonotheque.catalogue.evidence import claims_within, format_signature, parse_signature
    from phonotheque.catalogue.explaining import ExplainedRow, Explanation, explain_from_imports
    from phonotheque.catalogue.exporting import (
        ExportFormat,
        ExportPlan,
        ExportReport,
        ExportRequest,
        execute_export,
        plan_export,
    )
    from phonotheque.catalogue.identity import lasts_as_long
    from phonotheque.catalogue.inputs import ImportFiles
    from phonotheque.catalogue.measuring import Tolerance
    from phonotheque.catalogue.signed import SIGNED, signatures_from_imports
    from phonotheque.catalogue.slice_columns import Of
    from phonotheque.catalogue.slicing import Filters, Slice, open_slice
    from phonotheque.catalogue.stated import Stated, evidence_from_imports

__all__ = [
    "HOLDER_PRESENT",
    "SIGNED",
    "Bounds",
    "BuildInputs",
    "CatalogueFiles",
    "CatalogueReader",
    "CatalogueReport",
    "CheckResult",
    "DecideSummary",
    "ExplainedRow",
    "Explanation",
    "ExportFormat",
    "ExportPlan",
    "ExportReport",
    "ExportRequest",
    "Filters",
    "ImportFiles",
    "Of",
    "Slice",
    "Stated",
    "Summary",
    "TableEngine",
    "Tolerance",
    "build_catalogue",
    "build_directory",
    "check_catalogue",
    "claims_within",
    "current_build",
    "discard_unfinished",
    "evidence_from_imports",
    "execute_export",
    "explain_from_imports",
    "find_before",
    "find_build",
    "find_edition",
    "format_signature",
    "is_up_to_date",
    "iter_wishable",
    "lasts_as_long",
    "open_build",
    "open_edition",
    "open_slice",
    "parse_signature",
    "plan_export",
    "signatures_from_imports",
    "work_directory",
]

_LATER = {
    "build": (
        "BuildInputs",
        "build_catalogue",
        "discard_unfinished",
        "is_up_to_date",
        "work_directory",
    ),
    "checking": ("CatalogueReport", "CheckResult", "check_catalogue"),
    "evidence": ("claims_within", "format_signature", "parse_signature"),
    "explaining": ("ExplainedRow", "Explanation", "explain_from_imports"),
    "exporting": (
        "ExportFormat",
        "ExportPlan",
        "ExportReport",
        "ExportRequest",
        "execute_export",
        "plan_export",
    ),
    "identity": ("lasts_as_long",),
    "inputs": ("ImportFiles",),
    "measuring": ("Tolerance",),
    "signed": ("SIGNED", "signatures_from_imports"),
    "slice_columns": ("Of",),
    "slicing": ("Filters", "Slice", "open_slice"),
    "stated": ("Stated", "evidence_from_imports"),
}
_MODULES = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    """A name that is loaded when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
