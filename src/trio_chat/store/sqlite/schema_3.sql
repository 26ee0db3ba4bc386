-- Version 3: what goes into the full-text index is put in and taken out apart from the messages,
-- and is cut into words by store/words.py.

-- Messages with another text than the index holds, in the order in which it follows. held: what
-- it still holds of them; once that is taken out, what they say now is put in.
CREATE TABLE reindex(
    turn INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL UNIQUE,
    held TEXT NOT NULL
) STRICT;

-- Messages of before, whose words the index holds as they stand in the text, uncut.
CREATE TABLE uncut(id INTEGER PRIMARY KEY) STRICT;

-- Where time went back in a room, because the clock had been wrong: what has a greater id is at
-- floor_ms or later.
CREATE TABLE step(id INTEGER PRIMARY KEY, floor_ms INTEGER NOT NULL) STRICT;

-- Each start of a server on this database: runs.py.
CREATE TABLE run(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL) STRICT;

-- Most texts are ASCII, which is seen twenty times as fast.
INSERT INTO uncut SELECT id FROM message
WHERE octet_length(text) > length(text) AND text GLOB '*[ᄀ-ᇿ⺀-㏿ꥠ-꥿가-퟿豈-﫿＀-￯⺀-⿟々-〇〡-〩〱-〵〸-〼㐀-䶿一-鿿豈-﫿𠀀-𿿿ぁ-ゟァ-ヺー-ㄯㄱ-㆏ㆠ-ㆿㇰ-ㇿᄀ-ᇿꥠ-꥿가-퟿ꀀ-꓏𛀀-𛅯฀-࿿က-႟ក-៿ᥐ-᧿ᨠ-᪯ᬀ-᭿ꦀ-꧿ꩠ-꫟]*';
