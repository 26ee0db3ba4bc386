"""The command line: arguments to a configuration, `trio.run`, and exit codes. Only this package
calls `trio.run`.

Each command imports what it needs when it runs: `--help` must not wait for SQLite or
prompt_toolkit.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from trio_chat import __version__
from trio_chat.arguments import Parser
from trio_chat.cli import chatting, exits, operating


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `trio-chat ARGUMENTS`; return the exit code."""
    _open_standard_files()
    parsed = _parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except BrokenPipeError:  # `| head`: nobody reads on, and nobody is to be told
        _print_no_more()
        return exits.PIPE
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _print_no_more()
        return exits.PIPE
    except OSError as exc:
        _print_no_more()
        return exits.refuse(f"stdout: cannot be written: {exc.strerror}")
    return code


def _open_standard_files() -> None:
    """Open what a shell closed by `<&-` or `>&-`, for else the next file would get its number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="trio-chat", description="Group chat that people run themselves.")
    parser.add_argument("--version", action="version", version=f"trio-chat {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    operating.add_to(commands)
    chatting.add_to(commands)
    _add_schema(commands)
    show_help = commands.add_parser("help", help="show this, or the help of a command")
    show_help.add_argument("command", nargs="?", choices=[*commands.choices], metavar="COMMAND")
    show_help.set_defaults(run=_help)
    return parser


def _add_schema(commands: argparse._SubParsersAction[Parser]) -> None:
    schema = commands.add_parser(
        "schema",
        help="print the native wire as JSON Schema",
        description="Print the native wire as JSON Schema, for programs in any language. "
        "docs/protocol.md says what it means.",
    )
    schema.set_defaults(run=_schema)


def _help(parsed: argparse.Namespace) -> int:
    _parser().parse_args([*filter(None, [parsed.command]), "--help"])
    return exits.OK


def _schema(parsed: argparse.Namespace) -> int:
    import json

    from trio_chat.schema import native_schema

    print(json.dumps(native_schema(), indent=2))
    return exits.OK
