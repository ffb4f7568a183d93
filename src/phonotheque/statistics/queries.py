"""The SQL of every figure, by name, over the views of `views.format_views`. Nulls are unknown.

Each runs by itself after those views, in any DuckDB, and gives the rows that are shown.
"""

TOP = 20
TOP_OF = 1_000_000
"""Lists of artists and releases count the recordings of so many first ranks."""

TOTALS = """
SELECT
    (SELECT count(*) FROM recordings) AS recordings,
    (SELECT count(*) FROM tracks) AS tracks,
    (SELECT count(*) FROM releases) AS releases,
    (SELECT count(*) FROM artists) AS artists,
    (SELECT count(*) FROM recordings WHERE len(isrcs) > 0) AS with_isrc,
    (SELECT count(*) FROM volumes) AS volumes,
    (SELECT count(*) FROM held) AS files,
    (SELECT coalesce(sum(bytes), 0) FROM held)::BIGINT AS audio_bytes,
    (SELECT coalesce(sum(duration_ms), 0) FROM held)::BIGINT AS audio_ms,
    (SELECT count(*) FROM tombstones) AS withdrawn,
    (SELECT coalesce(sum(listens), 0) FROM standing)::BIGINT AS listens
"""

BY_TIER = """
SELECT
    tier,
    sum(recordings)::BIGINT AS recordings,
    sum(listens)::BIGINT AS listens,
    sum(files)::BIGINT AS files,
    sum(bytes)::BIGINT AS bytes,
    min(least_listens) AS least_listens,
    sum(listens_held)::BIGINT AS listens_held
FROM ranked
GROUP BY tier
ORDER BY tier
"""

BY_RANK = """
SELECT
    from_rank,
    sum(recordings)::BIGINT AS recordings,
    sum(listens)::BIGINT AS listens,
    sum(recordings_held)::BIGINT AS recordings_held,
    sum(listens_held)::BIGINT AS listens_held,
    sum(files)::BIGINT AS files,
    sum(bytes)::BIGINT AS bytes
FROM ranked
GROUP BY from_rank
ORDER BY from_rank
"""

BY_LISTENS = """
SELECT first_digit(listens) AS from_listens, count(*) AS recordings
FROM standing
WHERE number NOT IN (SELECT old FROM redirects WHERE kind = 'r')
GROUP BY ALL
ORDER BY ALL
"""

BY_LICENCE = """
WITH known AS (SELECT licence, count(*) AS recordings FROM recordings GROUP BY licence),
got AS (SELECT licence, count(*) AS files, sum(bytes) AS bytes FROM held GROUP BY licence)
SELECT
    coalesce(k.licence, h.licence) AS licence,
    coalesce(k.recordings, 0) AS recordings,
    coalesce(h.files, 0) AS files,
    coalesce(h.bytes, 0)::BIGINT AS bytes
FROM known k
FULL JOIN got h ON h.licence = k.licence
ORDER BY recordings DESC, files DESC, licence NULLS LAST
"""

BY_VERDICT = """
SELECT licence, stream, distribute, count(*) AS recordings
FROM recordings
GROUP BY ALL
ORDER BY recordings DESC, licence NULLS LAST, stream, distribute
"""

BY_RULE = """
SELECT
    CASE
        WHEN rule SIMILAR TO '[a-z]{2}[.].*' AND rule[1:2] NOT IN ('ai', 'cc')
        THEN upper(rule[1:2])
    END AS territory,
    rule,
    count(*) AS files
FROM (SELECT unnest(rule_ids) AS rule FROM held)
GROUP BY ALL
ORDER BY territory NULLS FIRST, files DESC, rule
"""

BY_DECADE = """
SELECT
    (first_release_year // 10 * 10)::INTEGER AS decade,
    count(*) AS recordings
FROM recordings
GROUP BY decade
ORDER BY decade NULLS LAST
"""

BY_YEAR = """
SELECT first_release_year::INTEGER AS year, count(*) AS recordings
FROM recordings
GROUP BY year
ORDER BY year NULLS LAST
"""

DURATIONS = """
SELECT
    (least(duration_ms // 30000, 40) * 30)::INTEGER AS from_seconds,
    count(*) AS recordings
FROM recordings
WHERE duration_ms IS NOT NULL
GROUP BY from_seconds
ORDER BY from_seconds
"""

BY_SECOND = """
SELECT (duration_ms // 1000)::INTEGER AS second, count(*) AS recordings
FROM recordings
WHERE duration_ms < 900000
GROUP BY second
ORDER BY second
"""

TRACKS_PER_ISRC = """
WITH codes AS (SELECT unnest(isrcs) AS isrc, number FROM recordings),
met AS (
    SELECT c.isrc, count(*) AS tracks
    FROM tracks t JOIN codes c ON c.number = t.recording
    GROUP BY c.isrc
)
SELECT first_digit(tracks) AS from_tracks, count(*) AS isrcs
FROM met
GROUP BY ALL
ORDER BY ALL
"""

TRACKS_PER_RECORDING = """
WITH listed AS (SELECT recording, count(*) AS tracks FROM tracks GROUP BY recording)
SELECT first_digit(tracks) AS from_tracks, count(*) AS recordings
FROM listed
GROUP BY ALL
ORDER BY ALL
"""

FORMATS = """
SELECT
    codec, media_type,
    count(*) AS files,
    sum(bytes)::BIGINT AS bytes,
    sum(duration_ms)::BIGINT AS audio_ms
FROM held
GROUP BY ALL
ORDER BY bytes DESC, codec, media_type
"""

BITRATES = """
SELECT
    codec,
    least(bytes * 8 // duration_ms // 16 * 16, 1536)::INTEGER AS from_kbits,
    count(*) AS files
FROM held
WHERE duration_ms > 0
GROUP BY ALL
ORDER BY ALL
"""

GROWTH = """
SELECT
    name AS edition, sequence, published_at,
    counts.recordings, counts.tracks, counts.files, counts.audio_bytes, counts.listens,
    counts.withdrawn
FROM editions
ORDER BY sequence
"""

TOP_RECORDINGS = f"""
SELECT
    s.rank, r.number, r.title, r.artist_credit, s.listens, s.tier::INTEGER AS tier,
    EXISTS (SELECT 1 FROM held h WHERE h.recording = r.number) AS held
FROM standing s
JOIN recordings r ON r.number = s.number
WHERE s.rank <= {TOP}
ORDER BY s.rank
"""

TOP_ARTISTS = f"""
WITH credited AS (
    SELECT unnest(r.artist_numbers) AS number, s.listens
    FROM standing s JOIN recordings r ON r.number = s.number
    WHERE s.rank <= {TOP_OF}
),
top AS (
    SELECT number, count(*) AS recordings, sum(listens)::BIGINT AS listens
    FROM credited GROUP BY number ORDER BY listens DESC, number LIMIT {TOP}
)
SELECT t.number, a.name, t.recordings, t.listens
FROM top t JOIN artists a ON a.number = t.number
ORDER BY t.listens DESC, t.number
"""

TOP_RELEASES = f"""
WITH lines AS (
    SELECT DISTINCT t.release AS number, t.recording, s.listens
    FROM standing s JOIN tracks t ON t.recording = s.number
    WHERE s.rank <= {TOP_OF} AND t.release IS NOT NULL
),
top AS (
    SELECT number, count(*) AS recordings, sum(listens)::BIGINT AS listens
    FROM lines GROUP BY number ORDER BY listens DESC, number LIMIT {TOP}
)
SELECT t.number, r.title, r.artist_credit, r.year::INTEGER AS year, t.recordings, t.listens
FROM top t JOIN releases r ON r.number = t.number
ORDER BY t.listens DESC, t.number
"""

TOP_GENRES = f"""
SELECT genre, count(*) AS releases
FROM (SELECT unnest(genres) AS genre FROM releases)
GROUP BY genre
ORDER BY releases DESC, genre
LIMIT {TOP}
"""

VOLUMES = """
SELECT
    volume, tier::INTEGER AS tier, first_edition, files, audio_bytes, total_bytes, listens,
    withdrawn_files, licences, piece_length, padding_bytes, torrent_bytes
FROM volumes
ORDER BY volume
"""

QUERIES = {
    name: text.strip()
    for name, text in {
        "totals": TOTALS,
        "by_tier": BY_TIER,
        "by_rank": BY_RANK,
        "by_listens": BY_LISTENS,
        "by_licence": BY_LICENCE,
        "by_verdict": BY_VERDICT,
        "by_rule": BY_RULE,
        "by_decade": BY_DECADE,
        "by_year": BY_YEAR,
        "durations": DURATIONS,
        "by_second": BY_SECOND,
        "tracks_per_isrc": TRACKS_PER_ISRC,
        "tracks_per_recording": TRACKS_PER_RECORDING,
        "formats": FORMATS,
        "bitrates": BITRATES,
        "growth": GROWTH,
        "top_recordings": TOP_RECORDINGS,
        "top_artists": TOP_ARTISTS,
        "top_releases": TOP_RELEASES,
        "top_genres": TOP_GENRES,
        "volumes": VOLUMES,
    }.items()
}
"""All of them."""
