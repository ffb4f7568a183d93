"""Evidence made up for the recordings of a catalogue: rows of the benches say nothing of rights.

SETS sets are drawn, and each recording has one of a million of them, the first more often. Of a
hundred, two say nothing; 98 a year of publication from 1900 to 2024, most of them late, 29 by a
second witness, some of whom contradict; 10 a year of making; 39 a song of 20 million, whose
authors' deaths and first publication are drawn for each song (a third of the authors live, a sixth
nobody knows when they died; half of the songs have one author); 6 a licence; a few a sign of other
people's rights, a reservation, a statement, a contract or a deal.
"""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from phonotheque.catalogue import SIGNED

LICENCES = [
    "CC0-1.0", "CC-PDM-1.0", "LicenseRef-All-Rights-Reserved", "LAL-1.3", "MIT",
    *(f"CC-{terms}-{version}" for version in ("2.0", "2.5", "3.0", "3.0-DE", "4.0")
      for terms in ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")),
]  # fmt: skip
SONGS = 20_000_000
SETS = 4_000_000
_ROWS = 1 << 20
_BATCH = 1 << 17
_DEAL = (
    '{"uses":["STREAM"],"territories":["Worldwide"],"start":"2020-01-01","end":"2030-12-31",'
    '"models":["FreeOfChargeModel"]}'
)


def planted_signatures(recordings: int) -> Iterator[pa.RecordBatch]:
    """`SIGNED` batches for the recordings 1 to `recordings`; the same in every run."""
    sets = min(SETS, max(recordings // 4, 1000))
    with duckdb.connect(config={"threads": 1, "memory_limit": "2GB"}) as connection:
        _create_macros(connection)
        made = _signatures(f"SELECT range AS n FROM range({sets})")
        connection.execute(f"CREATE TABLE made AS {made}")
        for first in range(1, recordings + 1, _ROWS):
            last = min(first + _ROWS - 1, recordings)
            query = (
                "SELECT n AS recording, signature FROM (SELECT range AS n, "
                f"floor({sets} * pow(part(range, 40), 2))::INTEGER AS chosen "
                f"FROM range({first}, {last + 1})) JOIN made ON made.number = chosen ORDER BY n"
            )
            for batch in connection.sql(query).to_arrow_reader(_BATCH):
                yield batch.cast(SIGNED)


def _create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    listed = ", ".join(f"'{one}'" for one in LICENCES)
    for macro in (
        "draw(key, salt, below) AS (hash(key, salt) % below)::INTEGER",
        "part(key, salt) AS draw(key, salt, 1000003) / 1000003.0",
        "said(claim, value, kind, witness) AS concat_ws(chr(31), claim, value, kind, witness)",
        f"some_licence(key) AS ([{listed}])[1 + draw(key, 31, {len(LICENCES)})]",
        "died(song, salt, written) AS CASE WHEN draw(song, salt, 6) < 2 THEN 'living' "
        "WHEN draw(song, salt, 6) = 2 THEN '?' "
        "ELSE least(written + 5 + draw(song, salt + 1, 60), 2024)::VARCHAR END",
    ):
        connection.execute(f"CREATE MACRO {macro}")


def _signatures(numbers: str) -> str:
    """SQL with `number` and `signature` for each number `n` that says anything."""
    drawn = (
        "SELECT n, 2024 - floor(124 * pow(part(n, 1), 2))::INTEGER AS year, "
        "draw(n, 2, 1000) AS a, draw(n, 3, 1000) AS b, draw(n, 4, 1000) AS c, "
        f"floor({SONGS} * pow(part(n, 5), 2))::INTEGER AS song FROM ({numbers}) "
        "WHERE draw(n, 6, 1000) >= 20"
    )
    songs = (
        f"SELECT *, 1850 + floor(170 * pow(part(song, 7), 0.7))::INTEGER AS written FROM ({drawn})"
    )
    return (
        f"SELECT n AS number, array_to_string(list_sort(list_distinct("
        f"{_years()} || if(a < 400, {_song()}, []) || {_rest()})), chr(30)) AS signature "
        f"FROM ({songs})"
    )


def _years() -> str:
    second = (
        "CASE WHEN draw(n, 8, 20) < 16 THEN year::VARCHAR WHEN draw(n, 8, 20) < 19 "
        "THEN (year + 1)::VARCHAR ELSE concat(year - 2, '..', year + 2) END"
    )
    return (
        "[said('published', year::VARCHAR, 'catalogue', 'discography:one')] "
        f"|| if(b < 300, [said('published', {second}, 'catalogue', 'loc')], []) "
        "|| if(b % 10 = 0, [said('fixed', (year - draw(n, 9, 3))::VARCHAR, 'catalogue', 'loc')], "
        "[])"
    )


def _song() -> str:
    composer = "concat('work:', died(song, 10, written))"
    writer = "if(draw(song, 12, 2) = 0, died(song, 10, written), died(song, 14, written))"
    lyricist = f"concat('lyrics:', {writer})"
    every = [
        f"said('author', {composer}, 'catalogue', 'musicbrainz')",
        f"said('author', {lyricist}, 'catalogue', 'musicbrainz')",
        "said('work-published', written::VARCHAR, 'catalogue', 'musicbrainz')",
    ]
    more = [
        f"said('author', {composer}, 'registry', 'isni')",
        f"said('author', {lyricist}, 'registry', 'isni')",
        "said('work-published', written::VARCHAR, 'registry', 'isni')",
    ]
    whole = [
        f"said('authors', '{layer}', '{kind}', '{witness}')"
        for layer in ("work", "lyrics")
        for kind, witness in (("catalogue", "musicbrainz"), ("registry", "isni"))
    ]
    return (
        f"[{', '.join(every)}] || if(draw(song, 16, 10) < 3, [{', '.join(more)}], []) "
        f"|| if(draw(song, 17, 4) = 0, [{', '.join(whole)}], []) "
        "|| if(draw(song, 18, 25) = 0, [said('absent', 'lyrics', 'catalogue', 'musicbrainz')], [])"
    )


def _rest() -> str:
    kinds = "['tag', 'catalogue', 'rightsholder', 'sidecar'][1 + draw(n, 30, 4)]"
    signs = "['cover', 'sample', 'arrangement', 'third-party-art'][1 + draw(n, 32, 4)]"
    statements = "['InC', 'NoC-US', 'CNE', 'UND', 'NoC-NC'][1 + draw(n, 33, 5)]"
    rare = [
        ("c < 60", f"said('licence', some_licence(n), {kinds}, NULL)"),
        ("c BETWEEN 50 AND 70", f"said('rebuttal', {signs}, 'inference', NULL)"),
        ("c BETWEEN 55 AND 65", "said('reservation', 'ai', 'tag', NULL)"),
        ("c BETWEEN 70 AND 80", f"said('statement', {statements}, 'catalogue', 'loc')"),
        ("c BETWEEN 80 AND 84", "said('contract', 'DISTRIBUTE', 'catalogue', NULL)"),
        ("c = 85", f"said('deal', '{_DEAL}', 'rightsholder', NULL)"),
        ("c BETWEEN 86 AND 300", "said('holder', 'present', 'catalogue', NULL)"),
    ]
    return " || ".join(f"if({when}, [{claim}], [])" for when, claim in rare)
