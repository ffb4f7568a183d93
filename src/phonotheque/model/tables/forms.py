"""What all tables share, and the forms that one table has had within a format version."""

from itertools import combinations

import pyarrow as pa

FORMAT_VERSION = 1
"""Version of the archive's formats as a whole; each table also carries it in its file metadata."""

EVIDENCE = pa.struct(
    [
        pa.field("claim", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("raw", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("captured_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("sha256", pa.string()),
        pa.field("witness", pa.string()),  # who says it; null: nobody named, or written before
        pa.field("confidence", pa.float64()),  # 0 … 1; null: nobody said
    ]
)
EVIDENCE_BEFORE = pa.struct(list(EVIDENCE)[:-2])
"""Evidence as it was written before it named its witness; read with both fields null."""

COPIES = frozenset(["derived_from", "derived_by"])
SUPERSEDING = frozenset(["supersedes", "superseded_by", "superseded_since"])
_ADDED = (COPIES, SUPERSEDING)
"""Columns that files of the same format version may lack, together; read as null where they are
missing. All are nullable."""


def table(name: str, fields: list[pa.Field]) -> pa.Schema:
    """The schema of the table `name`, which says so in its metadata."""
    metadata = {"phonotheque.table": name, "phonotheque.format": str(FORMAT_VERSION)}
    return pa.schema(fields, metadata=metadata)


def without(schema: pa.Schema, names: frozenset[str]) -> pa.Schema:
    """`schema` less the columns `names`, as files were written before there were these."""
    return pa.schema([f for f in schema if f.name not in names], metadata=schema.metadata)


def earlier(schema: pa.Schema) -> pa.Schema:
    """`schema` as files of the same format version had it at first."""
    fields = [
        pa.field(f.name, pa.list_(EVIDENCE_BEFORE), f.nullable) if f.name == "evidence" else f
        for f in without(schema, frozenset().union(*_ADDED))
    ]
    return pa.schema(fields, metadata=schema.metadata)


def forms_of(schema: pa.Schema) -> tuple[pa.Schema, ...]:
    """`schema` in every form that files of this format version may have it in, newest first."""
    added = [names for names in _ADDED if names <= set(schema.names)]
    forms = [
        without(schema, frozenset().union(*gone))
        for count in range(len(added) + 1)
        for gone in combinations(added, count)
    ]
    return *forms, earlier(schema)
