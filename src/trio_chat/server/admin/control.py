"""The control socket in the data folder: one request a connection, one answer. By it, `trio-chat
account` reaches the server that runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import structlog
import trio

from trio_chat.config import Config
from trio_chat.errors import ConfigError, StoreError
from trio_chat.server.admin.console import Answer, Office, Remove, Request, carry_out
from trio_chat.server.net.fence import GONE, fence

log = structlog.get_logger()

NAME = "control.sock"
_PATH_BYTES = 100  # the shortest limit of a system is 104, with the zero at the end
_REQUEST_BYTES = 4096
_ANSWER_BYTES = 64 * 1024 * 1024  # 100,000 accounts are some 15 MB
_TALK_SECONDS = 5.0
_CHUNK_BYTES = 65_536
# To hash a password takes 0.03 s, but others may wait for the same; to delete messages takes
# as long as there are many.
_ACT_SECONDS = 60.0
_REDACT_SECONDS = 3600.0


# --- the server's side


async def open_control(folder: Path) -> trio.SocketListener | None:
    """A listener on the socket in *folder*, which this server owns; None, and a warning, where
    there can be none."""
    try:
        return await _listen(folder)
    except OSError as exc:
        log.warning("no control socket: `trio-chat account` works when stopped", reason=str(exc))
        return None


async def serve_control(office: Office, folder: Path, listener: trio.SocketListener) -> None:
    """Answer until cancelled; then the socket is gone."""
    try:
        await trio.serve_listeners(partial(_serve_one, office), [listener])
    finally:
        (folder / NAME).unlink(missing_ok=True)


async def _listen(folder: Path) -> trio.SocketListener:
    """Raises OSError."""
    file = folder / NAME
    if file.is_socket():
        file.unlink()  # of a run that was killed: the folder is ours
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        with _short(folder) as address:
            await sock.bind(address)
        file.chmod(0o600)  # nobody comes in before it listens
        sock.listen()
    except OSError:
        sock.close()
        raise
    return trio.SocketListener(sock)


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A path of the socket that is short enough for a system's address."""
    path = str(folder / NAME)
    if len(os.fsencode(path)) <= _PATH_BYTES:
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


async def _serve_one(office: Office, stream: trio.abc.Stream) -> None:
    await fence(partial(_answer, office, stream), "control")


async def _answer(office: Office, stream: trio.abc.Stream) -> None:
    async with stream:
        with trio.fail_after(_TALK_SECONDS):
            line = await _line(stream, _REQUEST_BYTES)
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.MsgspecError:
            answer = Answer(False, "the server is of another version; restart it")
        else:
            answer = await carry_out(office, request)
        with trio.fail_after(_TALK_SECONDS):
            await stream.send_all(msgspec.json.encode(answer) + b"\n")


async def _line(stream: trio.abc.Stream, limit_bytes: int) -> bytes:
    """What comes before the first newline, or what came until the end, of a limited length."""
    data = bytearray()
    while b"\n" not in data and len(data) <= limit_bytes:
        chunk = await stream.receive_some(_CHUNK_BYTES)
        if not chunk:
            break
        data += chunk
    return bytes(data).partition(b"\n")[0]


# --- the other side


def check_folder(config: Config, *, is_new: bool) -> None:
    """Whether there is a data folder to look after, or *is_new*: one may be made.

    Raises:
        ConfigError: there is none.
    """
    if config.store.memory:
        raise ConfigError("store.memory is on: such a server's accounts end with it")
    if not is_new and not config.data_folder.is_dir():
        raise ConfigError(f"{config.data_folder}: there is no such folder; --data names another")


async def ask_running(config: Config, request: Request) -> Answer | None:
    """Have *request* carried out by the server that runs on the data folder; None: there is none.

    Raises:
        StoreError: it gave no answer.
    """
    try:
        with _short(config.data_folder) as address:
            stream = await trio.open_unix_socket(address)
    except OSError:
        return None
    async with stream:
        return await _ask(stream, request)


async def _ask(stream: trio.SocketStream, request: Request) -> Answer:
    patience_seconds = _ACT_SECONDS
    if isinstance(request, Remove) and request.messages:
        patience_seconds = _REDACT_SECONDS
    with trio.move_on_after(patience_seconds):
        try:
            await stream.send_all(msgspec.json.encode(request) + b"\n")
            return msgspec.json.decode(await _line(stream, _ANSWER_BYTES), type=Answer)
        except (*GONE, msgspec.MsgspecError):
            pass
    raise StoreError("the server gave no answer; `account list` shows what became of it")
