"""The tables of `guard.sqlite`, version by version (docs/formats/guard.md).

A step is never changed once it is out: what is wrong with it is set right by the next one.
"""

VERSION_1 = """
CREATE TABLE actor (
  actor TEXT PRIMARY KEY, kind TEXT NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
  state BLOB NOT NULL, measure TEXT NOT NULL DEFAULT 'allow', measure_until_us INTEGER,
  reasons TEXT NOT NULL DEFAULT '[]'
) STRICT, WITHOUT ROWID;
CREATE INDEX actor_by_time ON actor (last_us);
CREATE INDEX actor_by_measure ON actor (measure, measure_until_us) WHERE measure <> 'allow';
CREATE TABLE seen_day (
  actor TEXT NOT NULL, day INTEGER NOT NULL, requests INTEGER NOT NULL, media INTEGER NOT NULL,
  metadata INTEGER NOT NULL, distinct_items INTEGER NOT NULL, repeats INTEGER NOT NULL,
  bytes INTEGER NOT NULL, refused INTEGER NOT NULL, b0 INTEGER NOT NULL, b1 INTEGER NOT NULL,
  b2 INTEGER NOT NULL, b3 INTEGER NOT NULL, b4 INTEGER NOT NULL, b5 INTEGER NOT NULL,
  b6 INTEGER NOT NULL, b7 INTEGER NOT NULL, score REAL NOT NULL, PRIMARY KEY (actor, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_day_by_day ON seen_day (day);
CREATE TABLE event (
  event INTEGER PRIMARY KEY, actor TEXT NOT NULL, network TEXT NOT NULL, at_us INTEGER NOT NULL,
  kind TEXT NOT NULL, item INTEGER, bucket INTEGER, status INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX event_by_actor ON event (actor, at_us);
CREATE INDEX event_by_time ON event (at_us);
CREATE TABLE audit (
  event INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, actor TEXT NOT NULL,
  what TEXT NOT NULL, by TEXT NOT NULL, reasons TEXT NOT NULL, evidence TEXT NOT NULL,
  tables TEXT NOT NULL, previous TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_actor ON audit (actor, event);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TABLE proposal (
  proposal INTEGER PRIMARY KEY AUTOINCREMENT, actor TEXT NOT NULL, at_us INTEGER NOT NULL,
  reasons TEXT NOT NULL, evidence TEXT NOT NULL, first_person TEXT, second_person TEXT,
  decided_us INTEGER, state TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX proposal_open ON proposal (actor) WHERE state = 'open';
CREATE TABLE appeal (
  appeal INTEGER PRIMARY KEY AUTOINCREMENT, actor TEXT NOT NULL, at_us INTEGER NOT NULL,
  text TEXT NOT NULL, decided_by TEXT, decided_us INTEGER, outcome TEXT NOT NULL,
  answer TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX appeal_open ON appeal (actor) WHERE outcome = 'open';
CREATE TABLE bulk_token (
  token INTEGER PRIMARY KEY AUTOINCREMENT, sha256 BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
  contact TEXT NOT NULL, made_us INTEGER NOT NULL, expires_us INTEGER, used_us INTEGER,
  revoked_us INTEGER
) STRICT;
CREATE TABLE key (day_from INTEGER PRIMARY KEY, secret BLOB NOT NULL) STRICT;
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""

VERSION_2 = """
CREATE TABLE cohort (
  name TEXT PRIMARY KEY, secret BLOB NOT NULL, began_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
  accounts BLOB NOT NULL, items BLOB NOT NULL, buckets BLOB NOT NULL, looked INTEGER NOT NULL,
  surprise REAL NOT NULL, told_until_us INTEGER, cleared_until_us INTEGER,
  held_until_us INTEGER, evidence TEXT NOT NULL
) STRICT;
CREATE INDEX cohort_by_time ON cohort (last_us);
"""

STEPS: tuple[str, ...] = (VERSION_1, VERSION_2)
"""`STEPS[n]` makes version n + 1 of version n."""
