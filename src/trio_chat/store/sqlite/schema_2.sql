-- Version 2: entries can be amended, found by who said them, and whole logs forgotten.

-- '', 'edited' or 'deleted'. What amends an entry settles it first, so `recent` needs none. The
-- text of an `edited` entry is that of its target, and is kept there alone.
ALTER TABLE message ADD COLUMN amended TEXT NOT NULL DEFAULT '';

-- Which accounts (in hexadecimal, as words) have said something in a block of 256 ids: authors.py.
CREATE VIRTUAL TABLE account_block USING fts5(
    accounts, content='', columnsize=0, detail=none, tokenize=ascii
);

INSERT INTO account_block(rowid, accounts)
SELECT id >> 8, group_concat(DISTINCT hex(account)) FROM message
WHERE account <> '' GROUP BY id >> 8 ORDER BY id >> 8;

-- Logs that are forgotten: their messages are deleted little by little. A row stays until no id
-- is remembered that happened there, which also keeps its number from being given again.
CREATE TABLE dropped(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

-- A word that is taken out leaves the index at once, instead of being marked.
INSERT INTO message_fts(message_fts, rank) VALUES('secure-delete', 1);
