"""The tables of `state.sqlite`, version by version (docs/formats/vault.md)."""

STATE_VERSION = 2

VERSION_1 = """
CREATE TABLE IF NOT EXISTS objects (
  sha256 BLOB PRIMARY KEY, bytes INTEGER NOT NULL, pieces_root BLOB NOT NULL, puid TEXT NOT NULL,
  media_type TEXT NOT NULL, extension TEXT NOT NULL, codec TEXT NOT NULL,
  duration_ms INTEGER NOT NULL, sample_rate_hz INTEGER NOT NULL, channels INTEGER NOT NULL,
  bits INTEGER NOT NULL, lossless INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
  source TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  sha256 BLOB NOT NULL, PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending_events (
  event INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, at_us INTEGER NOT NULL,
  outcome TEXT NOT NULL, detail TEXT NOT NULL, agent TEXT NOT NULL, sha256 BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS batches (
  sequence INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL
) STRICT;
"""

# What version 2 adds. `objects.event` is the number of the `ing` event, 0 where nobody wrote it
# down: by it the batch is found in which the description stands.
FROM_1_TO_2 = """
ALTER TABLE objects ADD COLUMN event INTEGER NOT NULL DEFAULT 0;
CREATE TABLE pending_descriptions (
  event INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, content BLOB NOT NULL
) STRICT;
CREATE INDEX pending_descriptions_by_object ON pending_descriptions (sha256);
CREATE TABLE pictures (
  sha256 BLOB PRIMARY KEY, bytes INTEGER NOT NULL, uses INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unused_pictures ON pictures (sha256) WHERE uses = 0;
CREATE TABLE refusals (
  source TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  examiner TEXT NOT NULL, examination BLOB NOT NULL, PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE quarantined (
  sha256 BLOB PRIMARY KEY, bytes INTEGER NOT NULL, at_us INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE fixity_rounds (
  round INTEGER PRIMARY KEY, started_us INTEGER NOT NULL, days REAL NOT NULL,
  cursor BLOB NOT NULL, ended_us INTEGER, objects INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0, damaged INTEGER NOT NULL DEFAULT 0,
  missing INTEGER NOT NULL DEFAULT 0, not_checked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE fixity_stretches (
  round INTEGER NOT NULL, last BLOB NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (round, last)
) STRICT, WITHOUT ROWID;
CREATE TABLE fixity_faults (
  sha256 BLOB PRIMARY KEY, outcome TEXT NOT NULL, at_us INTEGER NOT NULL, note TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE derivatives (
  source BLOB NOT NULL, recipe TEXT NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY (source, recipe)
) STRICT, WITHOUT ROWID;
CREATE INDEX derivatives_by_copy ON derivatives (sha256);
"""
