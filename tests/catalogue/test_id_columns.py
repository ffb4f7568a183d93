"""Public ids by the column are those made and read one by one."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.catalogue.id_columns import format_id_column, parse_id_column
from phonotheque.model.errors import InputError
from phonotheque.model.numbers import (
    ALPHABET,
    MAX_NUMBER,
    IdKey,
    Kind,
    format_public_ids,
    parse_public_id,
)

KEY = IdKey(bytes(range(16)))
NUMBERS = st.lists(st.integers(1, MAX_NUMBER), min_size=1)
KINDS = st.sampled_from(list(Kind))
TEXTS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.text(ALPHABET + "OIL- u", min_size=9, max_size=12),
    st.builds(
        lambda number, kind, change: change(format_public_ids([number], KEY, kind)[0]),
        st.integers(1, MAX_NUMBER),
        KINDS,
        st.sampled_from([
            str, str.upper, lambda t: f" {t[:4]}-{t[4:]}\n", lambda t: t[:5] + "z" + t[6:],
            lambda t: t.replace("0", "o").replace("1", "L"), lambda t: t[:-1],
        ]),
    ),
)  # fmt: skip


@given(NUMBERS, KINDS)
def test_ids_are_made_as_one_by_one(numbers: list[int], kind: Kind) -> None:
    column = format_id_column(pa.array(numbers).to_numpy(), KEY, kind)
    assert column.to_pylist() == format_public_ids(numbers, KEY, kind)


@given(st.lists(TEXTS), KINDS)
def test_ids_are_read_as_one_by_one(texts: list[str | None], kind: Kind) -> None:
    found = parse_id_column(pa.array(texts, pa.string()), KEY, kind)
    assert found.tolist() == [_one_by_one(text, kind) for text in texts]


def _one_by_one(text: str | None, kind: Kind) -> int:
    try:
        found, number = parse_public_id(text or "", KEY)
    except InputError:
        return 0
    return number if found is kind else 0
