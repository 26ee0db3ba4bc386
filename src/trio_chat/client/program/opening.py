"""The client for programs: bots, bridges, tests. It has no screen.

async with open_chat("127.0.0.1:7373", nick="bot") as chat:
    await chat.say("lobby", "hello")
    async for event in chat.events():
        ...
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from math import inf, isfinite
from pathlib import Path

import trio

from trio_chat.client.link.dial import Dial, dial_tcp, dial_tls, parse_address, tls_context
from trio_chat.client.link.terms import Login
from trio_chat.client.program.chat import Chat
from trio_chat.client.program.session_file import read_token, write_token
from trio_chat.client.state.model import Model

# 10,000 x ~1 KiB, 16 KiB at most: a bot that is further behind than this will not catch up.
BUFFER_EVENTS = 10_000


@asynccontextmanager
async def open_chat(
    address: str,
    *,
    nick: str,
    account: str | None = None,
    password: str | None = None,
    token: str | None = None,
    session_file: str | os.PathLike[str] | None = None,
    tls: bool = False,
    ca: str = "",
    buffer_events: int = BUFFER_EVENTS,
    wait_seconds: float | None = None,
    give_up_seconds: float = inf,
    dial: Dial | None = None,
) -> AsyncIterator[Chat]:
    """Connect, say hello, and leave at the end of the block.

    Args:
        address: `HOST`, `HOST:PORT` or `tls://HOST:PORT`.
        nick: what to be called; see `Chat.nick` for what it came to be.
        account, password, token: to log in: an account with its password, or a token.
        session_file: keeps the token of the session, so that the next run of the program goes on
            with it: with its nick, its rooms and the ids of its lines. So the end of the block is
            no `/quit`: others see the program leave half a minute later. For guests; an account
            has all this anyway. The file is made, with the rights 0600.
        tls, ca: as `--tls` and `--ca` of the command line, see docs/client.md.
        buffer_events: see `Chat.events`.
        wait_seconds: how long to try at the start, while there is no server, it is full, or the
            nick is kept for somebody whose link broke. Unless given, as long as *give_up_seconds*
            if that is given, else there is one try.
        give_up_seconds: how long to try to come back after a link broke; inf: for ever.
        dial: opens the links instead; for tests.

    Raises:
        Unreachable: for *wait_seconds* at the start, or for *give_up_seconds* later on.
        ChatError: the hello was refused: `NameTaken`, `LoginFailed` ...
        Refused: the server told us to go.
        ConfigError: *address*, *ca* or *session_file* are not right.
        ValueError: what is given to log in does not belong together.
        RuntimeError: trio does not run.
    """
    _check_trio()
    login = _login(account, password, token)
    host, port, is_tls = parse_address(address)
    model = Model(nick)
    chat = Chat(
        model,
        dial or _dial(host, port, ca, is_tls=is_tls or tls),
        address=f"{host}:{port}",
        login=login,
        buffer_events=buffer_events,
        start_seconds=_start_seconds(wait_seconds, give_up_seconds),
        give_up_seconds=give_up_seconds,
        on_token=_keeping(model, session_file),
    )
    async with _present(chat):
        yield chat


@asynccontextmanager
async def _present(chat: Chat) -> AsyncIterator[None]:
    """Be there from the end of the hello to the end of the block."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chat.run, nursery.cancel_scope)  # noqa: ASYNC113  # waited for below
            try:
                await chat.wait_online()
                yield
            finally:
                chat.leave()  # `run` ends within `leave_seconds`
    except BaseExceptionGroup as group:
        error = _alone(group)
        raise error from error.__cause__
    if chat.failure is not None:
        raise chat.failure


def _dial(host: str, port: int, ca: str, *, is_tls: bool) -> Dial:
    """Raises ConfigError."""
    return dial_tls(host, port, tls_context(ca)) if is_tls or ca else dial_tcp(host, port)


def _start_seconds(wait_seconds: float | None, give_up_seconds: float) -> float:
    if wait_seconds is not None:
        return wait_seconds
    return give_up_seconds if isfinite(give_up_seconds) else 0.0


def _check_trio() -> None:
    """Raises RuntimeError."""
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            "open_chat needs trio: start the program with trio.run(main); in a program of asyncio "
            "run trio as its guest, as docs/bots.md shows"
        )


def _login(account: str | None, password: str | None, token: str | None) -> Login:
    """Raises ValueError."""
    if password is not None and token is not None:
        raise ValueError("log in with password= or with token=, not with both")
    if password is not None and account is None:
        raise ValueError("password= needs account=, the name of the account it belongs to")
    if account is not None and password is None and token is None:
        raise ValueError("account= needs password= or token= to log in")
    return Login(account, password, token)


def _keeping(
    model: Model, session_file: str | os.PathLike[str] | None
) -> Callable[[str], None] | None:
    """Go on with the session in the file, if there is one. Return what keeps its token there.

    Raises:
        ConfigError: the file cannot be read.
    """
    if session_file is None:
        return None
    file = Path(session_file)
    model.go_on_with(read_token(file))
    return partial(write_token, file)


def _alone(error: BaseException) -> BaseException:
    """Return the one error in nested groups, so that what the block raised can be caught by its
    own name; a group of several as it is."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
