"""Reading a catalogue: tables that have no rows."""

import duckdb
import pyarrow as pa
import pytest

from phonotheque.catalogue.reader import duckdb_type
from phonotheque.model import tables

SCHEMAS = {name: value for name, value in vars(tables).items() if isinstance(value, pa.Schema)}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_columns_have_the_types_that_duckdb_gives_them(schema: pa.Schema) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.register("rows", schema.empty_table())
        named = [row[:2] for row in connection.execute("DESCRIBE rows").fetchall()]
        told = ", ".join(f'"{field.name}" {duckdb_type(field.type)}' for field in schema)
        connection.execute(f"CREATE TABLE ours ({told})")
        ours = [row[:2] for row in connection.execute("DESCRIBE ours").fetchall()]
    assert len(named) == len(schema)
    assert ours == named
