"""The SQL of every figure, by name. Views: see `catalogue.CatalogueReader`. Nulls are unknown.

Files of a recording that was withdrawn stand in `files` for ever; they are not counted as held.
"""

HELD = """
SELECT f.* FROM files f
WHERE f.recording NOT IN (SELECT recording FROM tombstones)
""".strip()

TOTALS = f"""
SELECT
    (SELECT count(*) FROM recordings) AS recordings,
    (SELECT count(*) FROM tracks) AS tracks,
    (SELECT count(*) FROM releases) AS releases,
    (SELECT count(*) FROM artists) AS artists,
    (SELECT count(*) FROM recordings WHERE len(isrcs) > 0) AS with_isrc,
    (SELECT count(*) FROM volumes) AS volumes,
    (SELECT count(*) FROM ({HELD})) AS files,
    (SELECT coalesce(sum(bytes), 0) FROM ({HELD}))::BIGINT AS audio_bytes,
    (SELECT coalesce(sum(duration_ms), 0) FROM ({HELD}))::BIGINT AS audio_ms,
    (SELECT count(*) FROM tombstones) AS withdrawn,
    (SELECT coalesce(sum(listens), 0) FROM standing)::BIGINT AS listens
"""

BY_TIER = f"""
WITH held AS (
    SELECT recording, count(*) AS files, sum(bytes) AS bytes FROM ({HELD}) GROUP BY recording
)
SELECT
    s.tier::INTEGER AS tier,
    count(*) AS recordings,
    sum(s.listens)::BIGINT AS listens,
    coalesce(sum(h.files), 0)::BIGINT AS files,
    coalesce(sum(h.bytes), 0)::BIGINT AS bytes,
    min(s.listens) AS least_listens,
    coalesce(sum(s.listens) FILTER (WHERE h.files > 0), 0)::BIGINT AS listens_held
FROM standing s
LEFT JOIN held h ON h.recording = s.number
WHERE s.number NOT IN (SELECT old FROM redirects WHERE kind = 'r')
GROUP BY s.tier
ORDER BY s.tier
"""

BY_LICENCE = f"""
WITH known AS (SELECT licence, count(*) AS recordings FROM recordings GROUP BY licence),
held AS (SELECT licence, count(*) AS files, sum(bytes) AS bytes FROM ({HELD}) GROUP BY licence)
SELECT
    coalesce(k.licence, h.licence) AS licence,
    coalesce(k.recordings, 0) AS recordings,
    coalesce(h.files, 0) AS files,
    coalesce(h.bytes, 0)::BIGINT AS bytes
FROM known k
FULL JOIN held h ON h.licence = k.licence
ORDER BY recordings DESC, files DESC, licence NULLS LAST
"""

BY_DECADE = """
SELECT
    (first_release_year // 10 * 10)::INTEGER AS decade,
    count(*) AS recordings
FROM recordings
GROUP BY decade
ORDER BY decade NULLS LAST
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

TOP_RECORDINGS = f"""
SELECT
    s.rank, r.number, r.title, r.artist_credit, s.listens, s.tier::INTEGER AS tier,
    EXISTS (SELECT 1 FROM ({HELD}) h WHERE h.recording = r.number) AS held
FROM standing s
JOIN recordings r ON r.number = s.number
WHERE s.rank <= $limit
ORDER BY s.rank
"""

VOLUMES = """
SELECT
    volume, tier::INTEGER AS tier, first_edition, files, audio_bytes, total_bytes, listens,
    withdrawn_files, licences, piece_length, padding_bytes, torrent_bytes
FROM volumes
ORDER BY volume
"""

QUERIES = {
    "totals": TOTALS,
    "by_tier": BY_TIER,
    "by_licence": BY_LICENCE,
    "by_decade": BY_DECADE,
    "durations": DURATIONS,
    "top_recordings": TOP_RECORDINGS,
    "volumes": VOLUMES,
}
"""All of them; `top_recordings` takes the parameter `limit`."""
