"""The server's end of TLS: the certificate, and how many handshakes are under way at once.

Knows no links: `tls_links` carries bytes with it.
"""

from __future__ import annotations

import ssl
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog
import trio

from trio_chat.config import Config
from trio_chat.config.sections import expanded
from trio_chat.errors import ConfigError
from trio_chat.server.net.certificates import make_certificate

log = structlog.get_logger()

_TLS = "tls://"
_OWN_FILE = "tls.pem"
# So often the files are looked at, when somebody connects.
_LOOK_SECONDS = 10.0


class Files(NamedTuple):
    """The PEM files of a certificate with its chain, and of its key; None: it is in the same."""

    certificate: Path
    key: Path | None = None

    def stamp(self) -> list[tuple[int, int, int]]:
        """Return what changes when a file does. Raises OSError."""
        found = (path.stat() for path in self if path is not None)
        return [(stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in found]

    def context(self) -> ssl.SSLContext:
        """Return the rules for encrypted links: TLS 1.2 or newer.

        Raises:
            ConfigError: naming the file that cannot be read, or is not what it should be.
        """
        for path in self:
            if path is not None:
                _check_readable(path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # A link lives for hours, so that few come back to resume one; tickets cost a tenth of a
        # handshake. And nobody needs to negotiate again.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_RENEGOTIATION
        names = " and ".join(str(path) for path in self if path is not None)
        try:
            # Without an answer to its question for a passphrase OpenSSL would ask the terminal.
            context.load_cert_chain(self.certificate, self.key, password=bytes)
        except (OSError, ssl.SSLError) as exc:
            reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or exc
            raise ConfigError(f"{names}: no certificate with its key: {reason}") from exc
        return context


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as exc:
        raise ConfigError(f"{path}: the certificate cannot be read: {exc.strerror}") from exc


class Encryption:
    """What all encrypted links of a server share.

    A handshake is the dearest thing that a stranger can ask for: half a millisecond of CPU, and
    50 KiB until it is over. So only *handshakes* of them are under way at once, and of those only
    one takes a step in a turn of the event loop.

    Attributes:
        context: for handshakes that begin from now on.
        slots: one for each handshake under way; the others wait in the order in which they came.
        turn: held while a handshake takes a step, and until the other tasks have had their turn.
    """

    def __init__(self, context: ssl.SSLContext, handshakes: int) -> None:
        self.context = context
        self.slots = trio.CapacityLimiter(handshakes)
        self.turn = trio.Lock()
        self._files: Files | None = None
        self._stamp: list[tuple[int, int, int]] = []
        self._look_at = 0.0

    def configure(self, config: Config) -> None:
        """Read the certificate again, from where *config* says.

        Raises:
            ConfigError: it cannot be used. The former one still is.
        """
        if not is_wanted(config):
            return
        files = _files_of(config)
        self.context = files.context() if files is not None else _passing_context()
        self.slots.total_tokens = config.limits.handshakes
        self._watch(files)

    def _watch(self, files: Files | None) -> None:
        self._files = files
        try:
            self._stamp = files.stamp() if files is not None else []
        except OSError:
            self._stamp = []

    async def look(self) -> None:
        """Read the certificate again if its files have changed; what is wrong with them is
        logged. They are looked at once in a while."""
        if self._files is None or trio.current_time() < self._look_at:
            return
        self._look_at = trio.current_time() + _LOOK_SECONDS
        await trio.to_thread.run_sync(partial(self._read_changed, self._files))

    def _read_changed(self, files: Files) -> None:
        try:
            stamp = files.stamp()
            if stamp == self._stamp:
                return
            self.context, self._stamp = files.context(), stamp
        except (OSError, ConfigError) as exc:
            log.warning("the certificate stays as it is", reason=str(exc), always=True)
        else:
            log.info("the certificate is read again", file=str(files.certificate), always=True)


class Terms(NamedTuple):
    """How the peers of one listener are to speak.

    Attributes:
        required: not in plain text.
    """

    encryption: Encryption
    required: bool


def open_encryption(config: Config) -> Encryption | None:
    """Return what the encrypted links have in common; None: nothing is to be encrypted. With
    `server.tls = "auto"` the certificate is made, if there is none yet.

    Raises:
        ConfigError: there is no certificate, or it cannot be used.
    """
    if not is_wanted(config):
        return None
    encryption = Encryption(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), config.limits.handshakes)
    encryption.configure(config)
    return encryption


def check_encryption(config: Config) -> None:
    """Raises ConfigError, as `open_encryption` would. Makes nothing."""
    own = config.data_folder / _OWN_FILE
    if is_wanted(config) and (config.server.tls != "auto" or own.exists()):
        open_encryption(config)


def is_wanted(config: Config) -> bool:
    """Return whether any link may be encrypted."""
    return config.server.tls != "off" or any(map(is_encrypted, config.server.listen))


def is_encrypted(address: str) -> bool:
    """Return whether *address*, as the configuration has it, is for TLS only."""
    return address.startswith(_TLS)


def _files_of(config: Config) -> Files | None:
    """Return where the certificate is; None: in no file. Raises ConfigError."""
    section = config.server
    if section.tls == "auto":
        return None if config.store.memory else Files(_own_certificate(config.data_folder))
    if not section.tls_certificate:
        raise ConfigError(
            "server.tls_certificate: TLS needs the file with the certificate; "
            'or let the server make one: server.tls = "auto"'
        )
    key = expanded(section.tls_key, "server.tls_key") if section.tls_key else None
    return Files(expanded(section.tls_certificate, "server.tls_certificate"), key)


def _own_certificate(folder: Path) -> Path:
    path = folder / _OWN_FILE
    try:
        if not path.exists():
            make_certificate(path)
            log.info("a certificate is made", file=str(path), always=True)
    except OSError as exc:
        raise ConfigError(f"{path}: the certificate cannot be made: {exc.strerror}") from exc
    return path


def _passing_context() -> ssl.SSLContext:
    """The rules with a certificate that lasts as long as this server."""
    with tempfile.TemporaryDirectory(prefix="trio-chat-") as folder:
        path = Path(folder) / _OWN_FILE
        make_certificate(path)
        return Files(path).context()
