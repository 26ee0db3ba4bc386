"""docs/commands.md against the table of commands: they list the same, in the same words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support_commands import open_chat
from trio_chat.chat.roles import Role
from trio_chat.commands import default_table
from trio_chat.errors import ChatError

DOCUMENT = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def expected_table() -> str:
    rows = ["| command | also | role | what it does |", "|---|---|---|---|"]
    for command in default_table().for_role(Role.OWNER):
        also = " ".join(f"`/{alias}`" for alias in command.aliases)
        role = command.needs
        rows.append(f"| `{command.synopsis}` | {also} | {role} | {command.summary} |")
    return "\n".join(rows)


def test_the_document_holds_the_table_of_the_commands() -> None:
    table = "\n".join(line for line in DOCUMENT.splitlines() if line.startswith("|"))
    assert table == expected_table(), f"docs/commands.md should hold:\n\n{expected_table()}\n"


def test_the_text_mentions_no_command_that_there_is_not() -> None:
    table = default_table()
    prose = DOCUMENT.replace("/nikc", "")
    for name in re.findall(r"(?<![\w/.`])`?/([a-z]+)", prose):
        table.find(name)


@pytest.mark.parametrize("example", EXAMPLES)
async def test_every_example_goes_as_it_says(example: str) -> None:
    """`alice> ` is a line that alice types; what follows is what she is shown for it."""
    async with open_chat() as chat:
        people = {nick: chat.enter(nick, "lobby") for nick in ("alice", "bob")}
        for nick, typed, shown in re.findall(
            r"^(\w+)> (.*)\n((?:(?!\w+> ).*\n)*)", example, re.MULTILINE
        ):
            try:
                answer = (await people[nick].type(typed)).text or ""
            except ChatError as exc:
                answer = exc.message
            assert without_time(answer) == without_time(shown.rstrip("\n"))


def without_time(text: str) -> str:
    return re.sub(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\]", "[...]", text)
