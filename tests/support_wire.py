"""Hypothesis strategies for all requests and events, with texts as a hostile peer writes them; and
what a server does with a wire."""

from __future__ import annotations

import runpy
import types
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from trio_chat.events import Event, Quit, Shown, Welcome
from trio_chat.requests import Request
from trio_chat.wire import Received, Refusal, Switch, Wire
from trio_chat.wire.plain import PlainWire

NASTY_TEXTS = (
    "\x1b[31mred\x1b]0;title\x07",
    "one\r\n[12:00] #lobby <bob> forged",
    "one\n* bob left #lobby",
    "\u202ereversed\u2066isolated\u2069",
    "\u2028line\u2029paragraph\x85next",
    "\x00\x7f\x9b31m\t",
    "e\u0301 \U0001f469\u200d\U0001f4bb 日本語",
    '"\\/{}',
    "",
)
CLEAN_TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(NASTY_TEXTS))
# Among all characters a lone surrogate, or one that reorders, would hardly ever be drawn.
TEXTS = st.one_of(CLEAN_TEXTS, st.text("aé\n\t\r\x1b\x85\u202e\u2028\ud800\udfff", max_size=6))

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | CLEAN_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CLEAN_TEXTS, inner, max_size=3),
    max_leaves=5,
)


def structs(union: Any, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Any struct of a union such as `Event`, its strings drawn from *texts*."""
    return st.one_of([_strategy(member, texts) for member in get_args(union)])


def events(texts: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[Event]:
    return structs(Event, texts)


def shown(texts: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[Shown]:
    """Whatever a wire may be shown."""
    return events(texts) | _struct(Quit, texts)


def requests(texts: st.SearchStrategy[str] = CLEAN_TEXTS) -> st.SearchStrategy[Request]:
    return structs(Request, texts).filter(lambda request: request.id != "")


def is_unsafe(character: str) -> bool:
    """Whether a terminal would do anything with it but show it: asked of Unicode itself, so that
    it can judge `text.clean_text`."""
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or (
        unicodedata.bidirectional(character)
        in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    )


WELCOME = Welcome(
    protocol=1,
    server="trio-chat",
    version="1",
    session="",
    nick="alice",
    account=None,
    role="guest",
    resumed=False,
    commands=(),
    limits={},
    motd="",
)


def welcomed() -> PlainWire:
    wire = PlainWire()
    wire.show(WELCOME)
    return wire


def toy_wire() -> Wire:
    """The worked example of CONTRIBUTING.md."""
    example = Path(__file__).parents[1] / "docs/examples/toy_wire.py"
    make: Callable[[], Wire] = runpy.run_path(str(example))["ToyWire"]
    return make()


def read(wire: Wire, line: bytes) -> Received | None:
    """What the wire makes of *line*, to which its end is added; None: nothing."""
    items = list(wire.receive(line + b"\n"))
    assert len(items) <= 1
    return items[0] if items else None


def converse(
    wire: Wire, chunks: Iterable[bytes], answer: Callable[[Wire, Received], object] | None = None
) -> list[Received]:
    """What the wire, and those it gives way to, make of a stream that ends after *chunks*. Each
    item is given to *answer* before the next one is asked for, as a server does."""
    server = _Server(wire, answer or (lambda wire, item: None))
    for chunk in chunks:
        server.take(server.wire.receive(chunk))
    ended: Wire | None = None
    while ended is not server.wire:
        ended = server.wire
        server.take(ended.end())
    return server.items


class _Server:
    def __init__(self, wire: Wire, answer: Callable[[Wire, Received], object]) -> None:
        self.wire = wire
        self.items: list[Received] = []
        self._answer = answer
        self._is_over = False

    def take(self, received: Iterator[Received]) -> None:
        for item in () if self._is_over else received:
            if isinstance(item, Switch):
                self.wire = item.wire
                self.take(item.wire.receive(item.rest))
                return
            self.items.append(item)
            self._answer(self.wire, item)
            self._is_over = self._is_over or isinstance(item, Refusal)


def cut(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    """*stream* in pieces that end at *cuts*."""
    ends = [*sorted(min(end, len(stream)) for end in cuts), len(stream)]
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _strategy(kind: Any, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: texts,
        int: st.integers(0, 2**40 - 1),
        float: st.floats(0, 1e6),
        bool: st.booleans(),
        types.NoneType: st.none(),
        Any: _JSON,
    }
    if kind in simple:
        return simple[kind]
    arguments = get_args(kind)
    match get_origin(kind):
        case None:
            return _struct(kind, texts)
        case origin if origin is Literal:
            return st.sampled_from(arguments)
        case origin if origin is Annotated:
            return _annotated(_strategy(arguments[0], texts), arguments[1])
        case origin if origin in (Union, types.UnionType):
            return st.one_of([_strategy(argument, texts) for argument in arguments])
        case origin if origin is tuple:
            return st.lists(_strategy(arguments[0], texts), max_size=3).map(tuple)
        case origin if origin is dict:
            return st.dictionaries(*(_strategy(argument, texts) for argument in arguments))
    raise AssertionError(f"no strategy for {kind}")


def _struct(kind: type[msgspec.Struct], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    fields = msgspec.structs.fields(kind)
    return st.builds(kind, **{field.name: _strategy(field.type, texts) for field in fields})


def _annotated(strategy: st.SearchStrategy[Any], meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    if meta.max_length is not None:
        longest = meta.max_length
        return strategy.filter(lambda text: len(text) <= longest)
    if meta.ge is not None:
        lowest = meta.ge
        return strategy.filter(lambda number: number >= lowest)
    return strategy
