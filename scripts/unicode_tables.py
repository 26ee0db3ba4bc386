"""Makes the tables of look-alike characters and of scripts from data that Unicode publishes.

    python3 scripts/unicode_tables.py confusables.txt Scripts.txt

The files are https://www.unicode.org/Public/security/15.0.0/confusables.txt and
https://www.unicode.org/Public/15.0.0/ucd/Scripts.txt. Only what may stand in a name is kept.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from trio_chat.text import fold

FOLDER = Path(__file__).resolve().parent.parent / "src/trio_chat/chat/unicode"
HEAD = """\
# Made by scripts/unicode_tables.py from {name} of Unicode {version}. See LICENSE.
# {columns}
"""
VERSION = "15.0.0"
# Of every language: what is in no range is of these.
COMMON = ("Common", "Inherited")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("confusables", type=Path)
    parser.add_argument("scripts", type=Path)
    arguments = parser.parse_args()
    write("confusables.txt", "prototype: the characters that look like it", confusables(arguments))
    write("scripts.txt", "script: the ranges of its characters", scripts(arguments))


def write(name: str, columns: str, lines: Iterable[str]) -> None:
    source = {"scripts.txt": "Scripts.txt"}.get(name, name)
    head = HEAD.format(name=source, version=VERSION, columns=columns)
    (FOLDER / name).write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def confusables(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table: `6C: 31 49 7C`, for `l: 1 I |`."""
    alike: dict[str, list[int]] = defaultdict(list)
    for source, target in pairs(arguments.confusables):
        # Names are compared by fold, which knows compatible characters already.
        if may_stand_in_a_name(source) and fold(source) != fold(target):
            alike[target].append(ord(source))
    for target, sources in sorted(alike.items()):
        shown = " ".join(f"{ord(character):X}" for character in target)
        yield f"{shown}: {' '.join(f'{code:X}' for code in sorted(sources))}"


def pairs(file: Path) -> Iterator[tuple[str, str]]:
    """Yield a character, and the text that it looks like, for each line of confusables.txt."""
    for fields in rows(file):
        source, target = (
            "".join(chr(int(code, 16)) for code in field.split()) for field in fields[:2]
        )
        yield source, target


def scripts(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table: `Greek: 370-373 375-377`. A range goes on over what cannot
    stand in a name."""
    codes = {
        code: script
        for characters, script in rows(arguments.scripts)
        for code in span(characters)
        if may_stand_in_a_name(chr(code))
    }
    ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    last = ""
    for code, script in sorted(codes.items()):
        if script == last:
            ranges[script][-1] = ranges[script][-1][0], code
        else:
            ranges[script].append((code, code))
        last = script
    for script, spans in sorted(ranges.items()):
        if script not in COMMON:
            yield f"{script}: " + " ".join(f"{first:X}-{final:X}" for first, final in spans)


def span(characters: str) -> range:
    first, _, last = characters.partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def rows(file: Path) -> Iterator[list[str]]:
    """Yield the fields of each line, without its comment."""
    for line in file.read_text(encoding="utf-8-sig").splitlines():
        fields = [field.strip() for field in line.partition("#")[0].split(";")]
        if len(fields) > 1:
            yield fields


def may_stand_in_a_name(character: str) -> bool:
    is_one = len(character) == 1
    return is_one and (character.isascii() or unicodedata.category(character)[0] in "LMN")


if __name__ == "__main__":
    main()
