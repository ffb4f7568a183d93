"""Terms computed in SQL are those that the core computes one by one."""

from random import Random

import duckdb
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from phonotheque.model.rights import Layer
from phonotheque.rights.layer_terms import term_of
from phonotheque.rights.term_rules import LayerYears, term_rules
from phonotheque.rights.term_sql import term_query, year_columns
from phonotheque.rights.territories import jurisdictions
from phonotheque.rights.years import FOREVER, NEVER, PERHAPS, SOME_YEAR, Backing, Span

CODES = list(jurisdictions())
LAYERS = [layer for layer in Layer if layer is not Layer.ARTWORK]
ALL = frozenset(term_rules()) | {
    one.rule.kept_free.id for one in term_rules().values() if one.rule.kept_free
}
TURNS = [1, 1922, 1923, 1946, 1947, 1954, 1956, 1962, 1963, 1964, 1967, 1971, 1972, 1977, 1978]


def some_years(random: Random) -> Span:
    """A year, a few, or an open end; often where a rule turns."""
    first, last = sorted(
        random.choice(TURNS) if random.random() < 0.4 else random.randrange(1860, 2040)
        for _ in range(2)
    )
    pick = [Span(first, last), Span(first, first), Span(first, FOREVER), SOME_YEAR]
    return random.choices(pick, [4, 4, 1, 1])[0]


def some_event(random: Random) -> Span:
    """As some years, perhaps never."""
    span = some_years(random)
    pick = [span, Span(span.first, NEVER), Span(NEVER, NEVER), PERHAPS]
    return random.choices(pick, [5, 2, 1, 1])[0]


def some_case(random: Random) -> tuple[LayerYears, LayerYears, Backing]:
    """Years as stated, as borne out, and who says that nobody knows the author."""
    sharp, attested = (
        LayerYears(
            some_years(random), some_event(random), some_event(random),
            some_years(random), some_years(random), some_event(random),
        )
        for _ in range(2)
    )  # fmt: skip
    nameless = random.choices(list(Backing), [3, 1, 1])[0]
    return sharp, sharp if random.random() < 0.5 else attested, nameless


@pytest.mark.full
@pytest.mark.parametrize("accepted", [frozenset(), ALL], ids=["none accepted", "all accepted"])
@settings(max_examples=2, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_every_term_in_sql_is_that_of_the_core(accepted, seed) -> None:
    random = Random(seed)
    cases = [some_case(random) for _ in range(300)]
    table = pa.table(
        {
            "key": list(range(len(cases))),
            **{
                name: [row[at] for row in map(flat, cases)]
                for at, name in enumerate(year_columns())
            },
        }
    )
    with duckdb.connect() as connection:
        connection.register("years", table)
        for layer in LAYERS:
            written = layer not in (Layer.PHONOGRAM, Layer.PERFORMERS)
            found = connection.execute(
                f"{term_query(layer, CODES, accepted, 'SELECT * FROM years')} ORDER BY key"
            ).fetchall()
            for (sharp, attested, nameless), (_, *row) in zip(cases, found, strict=True):
                for at, code in enumerate(CODES):
                    term = term_of(
                        code, layer, sharp, attested,
                        anonymous=nameless if written else Backing.NOBODY, accepted=accepted,
                    )  # fmt: skip
                    got = tuple(row[3 * at : 3 * at + 3])
                    assert got == (term.best, term.on_one_witness, term.worst), (code, layer, sharp)


def flat(case: tuple[LayerYears, LayerYears, Backing]) -> list[int]:
    """The years of a case as the columns that SQL takes."""
    sharp, attested, nameless = case
    return [*(year for span in (*sharp, *attested) for year in span), nameless]
