"""The tables of `accounts.sqlite`, version by version (docs/formats/accounts.md).

A step is never changed once it is out: what is wrong with it is set right by the next one.
"""

VERSION_1 = """
CREATE TABLE accounts (
  account INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
  territory TEXT, password TEXT, created_us INTEGER NOT NULL, disabled_us INTEGER
) STRICT;
CREATE TABLE api_keys (
  key INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES accounts,
  name TEXT NOT NULL, sha256 BLOB NOT NULL UNIQUE, hint TEXT NOT NULL, created_us INTEGER NOT NULL,
  expires_us INTEGER, used_us INTEGER, revoked_us INTEGER
) STRICT;
CREATE INDEX api_keys_by_account ON api_keys (account);
CREATE TABLE audit (
  event INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, actor TEXT NOT NULL,
  action TEXT NOT NULL, account TEXT NOT NULL, detail TEXT NOT NULL, sha256 BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
"""

# What is a listener's own. An item is (kind, number): a letter of model.numbers.Kind and a
# permanent number; entries are numbers of recordings, 8 bytes each, little-endian.
FROM_1_TO_2 = """
CREATE TABLE token_passwords (
  account INTEGER PRIMARY KEY REFERENCES accounts, password TEXT NOT NULL,
  created_us INTEGER NOT NULL
) STRICT;
CREATE TABLE stars (
  account INTEGER NOT NULL REFERENCES accounts, kind TEXT NOT NULL, number INTEGER NOT NULL,
  at_us INTEGER NOT NULL, PRIMARY KEY (account, kind, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE ratings (
  account INTEGER NOT NULL REFERENCES accounts, kind TEXT NOT NULL, number INTEGER NOT NULL,
  rating INTEGER NOT NULL, PRIMARY KEY (account, kind, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE plays (
  account INTEGER NOT NULL REFERENCES accounts, kind TEXT NOT NULL, number INTEGER NOT NULL,
  count INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY (account, kind, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE playing (
  account INTEGER PRIMARY KEY REFERENCES accounts, recording INTEGER NOT NULL,
  client TEXT NOT NULL, at_us INTEGER NOT NULL
) STRICT;
CREATE TABLE playlists (
  playlist TEXT PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts, name TEXT NOT NULL,
  comment TEXT NOT NULL, public INTEGER NOT NULL, created_us INTEGER NOT NULL,
  changed_us INTEGER NOT NULL, entries BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX playlists_by_account ON playlists (account);
CREATE TABLE play_queues (
  account INTEGER PRIMARY KEY REFERENCES accounts, entries BLOB NOT NULL, current INTEGER,
  position_ms INTEGER NOT NULL, changed_us INTEGER NOT NULL, client TEXT NOT NULL
) STRICT;
"""

STEPS: tuple[str, ...] = (VERSION_1, FROM_1_TO_2)
"""`STEPS[n]` makes version n + 1 of version n."""

CURRENT = len(STEPS)
