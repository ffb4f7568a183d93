"""Sources: what others say about music, read and kept as it was said.

A folder of audio with its tags and rights, tables of rows, tables of listens: each becomes an
import, a directory of Parquet files with the findings and a report that accounts for every input.
"""

from phonotheque.model.audio_tags import Tags
from phonotheque.sources.claims import iter_claims, write_claim
from phonotheque.sources.findings_log import FindingsLog
from phonotheque.sources.folder import (
    FolderRights,
    FolderSize,
    RightsFound,
    folder_row,
    plan_folder,
)
from phonotheque.sources.imports import (
    ImportRef,
    ImportReport,
    InputRecord,
    check_source_name,
    iter_imports,
    keep_evidence,
    next_import,
    source_name,
)
from phonotheque.sources.known_readers import READERS, find_reader, reader_named
from phonotheque.sources.listens import check_listens_file, is_listens_file
from phonotheque.sources.making import Workers, iter_made, serve
from phonotheque.sources.mapping import mapped_reader, read_mapping
from phonotheque.sources.parts import PART_ROWS, packed_bytes
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Block
from phonotheque.sources.row_maker import RowMaker, folder_batch
from phonotheque.sources.rows import check_rows_file
from phonotheque.sources.sampling import compression_ratio, known_rows
from phonotheque.sources.signals_files import SignalFiles, SignalsFound
from phonotheque.sources.sounds import SOUND_SOURCE, write_sounds
from phonotheque.sources.stated import fact_value
from phonotheque.sources.statements import Understand
from phonotheque.sources.table_makers import Maker, maker_of
from phonotheque.sources.walk import AudioFile, OtherFile, iter_folder
from phonotheque.sources.watched import Watch, watched
from phonotheque.sources.writer import ImportWriter

__all__ = [
    "PART_ROWS",
    "READERS",
    "SOUND_SOURCE",
    "AudioFile",
    "Block",
    "FindingsLog",
    "FolderRights",
    "FolderSize",
    "ImportRef",
    "ImportReport",
    "ImportWriter",
    "InputRecord",
    "Maker",
    "OtherFile",
    "Reader",
    "RightsFound",
    "RowMaker",
    "SignalFiles",
    "SignalsFound",
    "Tags",
    "Understand",
    "Watch",
    "Workers",
    "check_listens_file",
    "check_rows_file",
    "check_source_name",
    "compression_ratio",
    "fact_value",
    "find_reader",
    "folder_batch",
    "folder_row",
    "is_listens_file",
    "iter_claims",
    "iter_folder",
    "iter_imports",
    "iter_made",
    "keep_evidence",
    "known_rows",
    "maker_of",
    "mapped_reader",
    "next_import",
    "packed_bytes",
    "plan_folder",
    "read_mapping",
    "reader_named",
    "serve",
    "source_name",
    "watched",
    "write_claim",
    "write_sounds",
]
