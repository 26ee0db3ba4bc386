"""`trio-chat schema` and docs/protocol.md: they tell the same fields."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from trio_chat.cli import main
from trio_chat.schema import native_schema

DOCUMENT = (Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
SCHEMA = native_schema()
STORED = ("said", "edited", "deleted", "topic", "kicked")


def types(side: str) -> dict[str, set[str]]:
    """Type -> its fields, as the schema has them."""
    references = [one["$ref"] for one in SCHEMA["$defs"][side]["anyOf"]]
    parts = [SCHEMA["$defs"][reference.removeprefix("#/$defs/")] for reference in references]
    return {
        part["properties"]["type"]["enum"][0]: {*part["properties"]} - {"type"} for part in parts
    }


REQUESTS, EVENTS = types("request"), types("event")


def section(title: str) -> str:
    """The part of the document under *title*."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#+ |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def names(text: str) -> set[str]:
    return {*re.findall(r"`(\w+)`", text)}


@pytest.mark.parametrize("type", EVENTS)
def test_row_of_an_event_names_its_fields_and_no_other(type: str) -> None:
    """L12: the wire is described for machines, and for people the same."""
    [row] = re.findall(
        rf"^\| (?:`\w+`, )*`{type}`(?:, `\w+`)* \| (.*?) \|", events_tables(), re.MULTILINE
    )
    implied = {"room", "seq", "at"} if type in STORED else set()
    assert names(row) | implied == EVENTS[type]


def events_tables() -> str:
    """The rows of the tables of events; not those of codes."""
    events = DOCUMENT.partition("\n## Events\n")[2].partition("\n## Order\n")[0]
    return "\n".join(line for line in events.splitlines() if line.startswith("| `"))


@pytest.mark.parametrize("type", REQUESTS)
def test_section_of_a_request_names_its_fields(type: str) -> None:
    """L12: the wire is described for machines, and for people the same."""
    text = section(type)
    documented = names("".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)))
    if not documented:  # no table: a sentence, up to the example
        documented = names(text.partition("```")[0]) & REQUESTS[type]
    assert documented | {"id"} == REQUESTS[type]


def test_both_sides_are_told_apart_where_a_name_is_on_both() -> None:
    assert REQUESTS["read"] == {"id", "room", "seq"}
    assert EVENTS["read"] == {"room", "seq"}


def test_every_reference_leads_somewhere() -> None:
    references = re.findall(r'"#/\$defs/([^"]+)"', json.dumps(SCHEMA))
    assert references
    assert {*references} <= {*SCHEMA["$defs"]}


def test_command_line_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(SCHEMA))
