"""The native wire for machines: JSON Schema, made from the structs that the wire decodes."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from trio_chat.events import Event
from trio_chat.requests import Request
from trio_chat.wire.native import PROTOCOL_VERSION


def native_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of one line.

    `$defs` has `request`, what a client sends, and `event`, what a server sends, and one entry for
    each of their types: `request.Hello`, `event.Said` and so on.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"trio-chat, native wire, protocol {PROTOCOL_VERSION}: one line",
        "anyOf": [{"$ref": "#/$defs/request"}, {"$ref": "#/$defs/event"}],
        "$defs": {**_definitions("request", Request), **_definitions("event", Event)},
    }


def _definitions(side: str, kinds: Any) -> dict[str, Any]:
    """Return the schemas of *kinds*; a name may stand on both sides, such as `read`."""
    (union,), parts = msgspec.json.schema_components(
        [kinds], ref_template=f"#/$defs/{side}.{{name}}"
    )
    for part in parts.values():
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])
    return {side: union, **{f"{side}.{name}": part for name, part in parts.items()}}
