"""docs/protocol.md against the code and the tests: they say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from support_wire import read
from trio_chat import errors
from trio_chat.events import Event
from trio_chat.requests import Request
from trio_chat.wire.detect import IRC_VERBS
from trio_chat.wire.native import NativeWire, decode_event, encode_event

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
ONE_LINE = " ".join(DOCUMENT.split())
EXAMPLES = [
    line
    for block in re.findall(r"^```\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line[2:3] == "{" and "..." not in line and "…" not in line
]


def quotes() -> list[tuple[str, str]]:
    """What the tests of the wires quote in their docstrings, as lines that begin with `> `."""
    return [
        (file.name, " ".join(block.replace("> ", " ").split()))
        for file in sorted(Path(__file__).parent.glob("test_*.py"))
        for block in re.findall(r'"""\n((?: +> .*\n)+) +"""', file.read_text(encoding="utf-8"))
    ]


def test_tests_quote_what_the_document_says() -> None:
    assert len(quotes()) > 10
    missing = [f"{name}: {quote}" for name, quote in quotes() if quote not in ONE_LINE]
    assert missing == []


@pytest.mark.parametrize("line", [line for line in EXAMPLES if line.startswith("> ")])
def test_every_example_of_a_request_is_one(line: str) -> None:
    assert read(NativeWire(), line[2:].encode()) is not None


@pytest.mark.parametrize("line", [line for line in EXAMPLES if line.startswith("< ")])
def test_every_example_of_an_event_is_what_the_wire_writes(line: str) -> None:
    event = decode_event(line[2:].encode())
    assert json.loads(encode_event(event)) == json.loads(line[2:])


@pytest.mark.parametrize("struct", [*get_args(Request), *get_args(Event)])
def test_every_type_and_field_is_documented(struct: type[msgspec.Struct]) -> None:
    assert f"`{struct.__struct_config__.tag}`" in DOCUMENT or (
        f"### {struct.__struct_config__.tag}\n" in DOCUMENT
    )
    for field in msgspec.structs.fields(struct):
        assert f"`{field.encode_name}`" in DOCUMENT


def test_every_type_has_an_example() -> None:
    shown = set(re.findall(r'^[<>] \{"type":"(\w+)"', DOCUMENT, re.MULTILINE))
    assert shown == {
        struct.__struct_config__.tag for struct in (*get_args(Request), *get_args(Event))
    }


def test_every_error_code_is_documented() -> None:
    codes = {value.code for value in vars(errors).values() if hasattr(value, "code")}
    rows = re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE)
    assert {*codes, "bad_json", "unknown_type"} <= set(re.findall(r"`(\w+)`", "".join(rows)))


def test_every_irc_verb_is_documented() -> None:
    assert " ".join(sorted(verb.decode() for verb in IRC_VERBS)) in ONE_LINE
