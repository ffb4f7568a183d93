"""The queries by which a shelf is made from an edition. One query, one name.

All run over the views of `phonotheque.catalogue` and the tables that the ones before made. Orders
are total, so equal editions give equal shelves.
"""

from phonotheque.model.edition import RecordingFlag

ALLOWED = "('ALLOW', 'ALLOW_IF')"

SONGS = f"""
CREATE TEMP TABLE shelf_songs AS
SELECT f.recording AS number, max(f.duration_ms) AS duration_ms, max(h.place) AS volume
FROM (SELECT recording, volume, duration_ms FROM files WHERE stream IN {ALLOWED}) f
JOIN held h ON h.volume = f.volume
SEMI JOIN (
    SELECT number FROM recordings
    WHERE stream IN {ALLOWED} AND flags & {int(RecordingFlag.WITHDRAWN)} = 0
) r ON r.number = f.recording
ANTI JOIN tombstones t ON t.recording = f.recording
GROUP BY f.recording
"""
"""`held` (volume, place) has the volumes that stand here; place counts them as they were made."""

CREDITS = """
CREATE TEMP TABLE shelf_credits AS
SELECT r.number, unnest(r.artist_numbers) AS artist,
    generate_subscripts(r.artist_numbers, 1) AS place
FROM (SELECT number, artist_numbers FROM recordings) r
SEMI JOIN shelf_songs s ON s.number = r.number
"""
"""Which artists each song credits, counted from 1."""

LISTENS = """
CREATE TEMP TABLE shelf_listens AS
SELECT l.number, l.listens FROM (SELECT number, listens FROM standing WHERE listens > 0) l
SEMI JOIN shelf_songs s ON s.number = l.number
"""

PLACES = """
CREATE TEMP TABLE shelf_places AS
SELECT t.release, t.recording,
    min((coalesce(t.disc, 0)::BIGINT << 32) + coalesce(t.position, 0)) AS spot
FROM (SELECT release, recording, disc, position FROM tracks WHERE release IS NOT NULL) t
SEMI JOIN shelf_songs s ON s.number = t.recording
GROUP BY t.release, t.recording
"""
"""Which songs stand on which releases, each once."""

FIRSTS = """
CREATE TEMP TABLE shelf_firsts AS
SELECT p.release, min(c.artist) AS artist
FROM shelf_places p
JOIN (SELECT release, min(spot) AS spot FROM shelf_places GROUP BY release) f
    ON f.release = p.release AND f.spot = p.spot
JOIN shelf_credits c ON c.number = p.recording AND c.place = 1
GROUP BY p.release
"""
"""Whom the first song of each album credits first."""

GATHERED = """
CREATE TEMP TABLE shelf_gathered AS
SELECT p.release, count(*) AS songs, sum(s.duration_ms)::BIGINT AS duration_ms,
    max(s.volume) AS volume, coalesce(sum(l.listens), 0)::BIGINT AS listens
FROM shelf_places p JOIN shelf_songs s ON s.number = p.recording
LEFT JOIN shelf_listens l ON l.number = p.recording
GROUP BY p.release
"""

ALBUMS = """
CREATE TEMP TABLE shelf_albums AS
WITH named AS (SELECT name, min(number) AS number FROM artists GROUP BY name)
SELECT d.number, g.songs, g.duration_ms, g.volume, g.listens, d.year, d.genres,
    lower(strip_accents(d.title)) AS title, lower(strip_accents(d.artist_credit)) AS credit,
    CASE WHEN a.name = d.artist_credit THEN a.number
         ELSE coalesce(n.number, a.number, 0) END AS artist
FROM shelf_gathered g
JOIN (SELECT number, title, artist_credit, year, genres FROM releases) d ON d.number = g.release
LEFT JOIN shelf_firsts f ON f.release = g.release
LEFT JOIN (SELECT number, name FROM artists) a ON a.number = f.artist
LEFT JOIN named n ON n.name = d.artist_credit
"""
"""An album's artist is whom its credit names; where that is nobody we know, its first song's."""

PAIRS = """
CREATE TEMP TABLE shelf_pairs AS
SELECT artist, number AS release FROM shelf_albums WHERE artist > 0
UNION
SELECT c.artist, p.release
FROM shelf_places p JOIN shelf_credits c ON c.number = p.recording
SEMI JOIN shelf_albums a ON a.number = p.release
"""
"""Which artists stand on which releases: their own, and those they appear on."""

HEARD = """
CREATE TEMP TABLE shelf_heard AS
SELECT c.artist, coalesce(sum(l.listens), 0)::BIGINT AS listens
FROM shelf_credits c LEFT JOIN shelf_listens l ON l.number = c.number GROUP BY c.artist
"""

RELEASED = """
CREATE TEMP TABLE shelf_released AS
SELECT artist, count(*) AS albums FROM shelf_pairs GROUP BY artist
"""

LOOSE = """
CREATE TEMP TABLE shelf_loose AS
SELECT c.artist, count(*) AS songs
FROM shelf_credits c ANTI JOIN shelf_places p ON p.recording = c.number GROUP BY c.artist
"""

ARTISTS = """
CREATE TEMP TABLE shelf_artists AS
SELECT a.number, coalesce(r.albums, 0) AS albums, coalesce(l.songs, 0) AS loose,
    coalesce(h.listens, 0) AS listens, lower(strip_accents(coalesce(a.sort_name, a.name))) AS name
FROM (SELECT number, name, sort_name FROM artists) a
LEFT JOIN shelf_heard h ON h.artist = a.number
LEFT JOIN shelf_released r ON r.artist = a.number
LEFT JOIN shelf_loose l ON l.artist = a.number
WHERE h.artist IS NOT NULL OR r.artist IS NOT NULL
"""

GENRES = """
CREATE TEMP TABLE shelf_genres AS
SELECT DISTINCT trim(genre) AS genre, number, songs, listens
FROM (SELECT unnest(genres) AS genre, number, songs, listens FROM shelf_albums)
WHERE trim(genre) <> ''
"""

TABLES = (SONGS, CREDITS, LISTENS, PLACES, FIRSTS, GATHERED, ALBUMS, PAIRS, HEARD, RELEASED, LOOSE,
          ARTISTS, GENRES)  # fmt: skip

ARRAYS: dict[str, tuple[str, ...]] = {
    "SELECT number AS songs, volume AS song_volume FROM shelf_songs ORDER BY number": (
        "songs", "song_volume",
    ),
    "SELECT number AS albums, songs AS album_songs, duration_ms // 1000 AS album_seconds, "
    "volume AS album_volume, artist AS album_artist FROM shelf_albums ORDER BY number": (
        "albums", "album_songs", "album_seconds", "album_volume", "album_artist",
    ),
    "SELECT number AS artists, albums AS artist_albums, loose AS artist_loose "
    "FROM shelf_artists ORDER BY number": ("artists", "artist_albums", "artist_loose"),
    "SELECT release AS pairs FROM shelf_pairs p JOIN shelf_albums a ON a.number = p.release "
    "SEMI JOIN shelf_artists s ON s.number = p.artist "
    "ORDER BY p.artist, a.year NULLS LAST, a.title, p.release": ("pairs",),
    "SELECT number AS by_name FROM shelf_albums ORDER BY title, number": ("by_name",),
    "SELECT number AS by_artist FROM shelf_albums ORDER BY credit, title, number": ("by_artist",),
    "SELECT number AS by_age FROM shelf_albums ORDER BY volume DESC, number DESC": ("by_age",),
    "SELECT number AS by_listens FROM shelf_albums ORDER BY listens DESC, number": ("by_listens",),
    "SELECT number AS by_year, year AS years FROM shelf_albums WHERE year IS NOT NULL "
    "ORDER BY year, title, number": ("by_year", "years"),
    "SELECT number AS genre_albums, songs AS genre_songs FROM shelf_genres "
    "ORDER BY genre, listens DESC, number": ("genre_albums", "genre_songs"),
}  # fmt: skip
"""What each query gives goes, column by column, into arrays of these names."""

GENRE_NAMES = (
    "SELECT genre, count(*) AS albums, sum(songs)::BIGINT AS songs FROM shelf_genres "
    "GROUP BY genre ORDER BY genre"
)
FIRST_ARTISTS = (
    "SELECT number, name FROM (SELECT number, name, listens FROM shelf_artists "
    "ORDER BY listens DESC, number LIMIT {most}) ORDER BY name, number"
)
