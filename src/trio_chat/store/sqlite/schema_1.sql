-- Version 1; what each table promises is in docs/storage.md. Later versions: schema_2.sql ...

CREATE TABLE room(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT;

-- A write appends here and nowhere else, so a commit touches a few pages however many rooms
-- and senders it holds. When there are many they settle: all at once and in order, they move to
-- message, message_fts and id_seen. id 0: no event; key '': may not be repeated.
CREATE TABLE recent(
    id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sender TEXT NOT NULL,
    sender_key TEXT,
    account TEXT NOT NULL,
    text TEXT NOT NULL,
    target ANY,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    answer BLOB NOT NULL
) STRICT;

-- id = room.id << 40 | seq: one room is one range, here and in the full-text index.
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

CREATE VIRTUAL TABLE message_fts USING fts5(
    text, content='message', content_rowid='id', columnsize=0,
    tokenize="unicode61 remove_diacritics 2"
);

-- Which inputs have happened, and what they were answered. message 0: they were no event.
CREATE TABLE id_seen(
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    message INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    answer BLOB NOT NULL,
    PRIMARY KEY(scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX id_seen_at ON id_seen(at_ms);

CREATE TABLE record(
    space TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY(space, key)
) STRICT, WITHOUT ROWID;
