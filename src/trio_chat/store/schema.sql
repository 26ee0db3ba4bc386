-- Version 1. What each table promises is in docs/storage.md; later versions are steps in migrations.py.

CREATE TABLE room(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    -- Everything up to here is in message_fts.
    indexed_seq INTEGER NOT NULL DEFAULT 0
) STRICT;

-- id = room.id << 40 | seq: one room is one range, in the table and in the full-text index.
CREATE TABLE message(
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sender TEXT NOT NULL,
    -- The folded nick, NULL where it is the nick itself.
    sender_key TEXT,
    account TEXT NOT NULL,
    text TEXT NOT NULL,
    target ANY
) STRICT;

CREATE INDEX message_kind ON message(kind, id) WHERE kind <> 'message';

CREATE VIRTUAL TABLE message_fts USING fts5(
    text, content='message', content_rowid='id', columnsize=0,
    tokenize="unicode61 remove_diacritics 2"
);

-- Which inputs have happened, and what they were answered. room 0: no event.
CREATE TABLE idem(
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    answer BLOB NOT NULL,
    PRIMARY KEY(scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idem_at ON idem(at_ms);

CREATE TABLE record(
    space TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY(space, key)
) STRICT, WITHOUT ROWID;
