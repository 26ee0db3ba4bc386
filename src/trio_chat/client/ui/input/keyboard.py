"""The keys of an input line, bound so that no printable character gets lost on the way.

A terminal says Alt-x as Escape and `x`, so the two cannot always be told apart. The rule: a key
that has an action does it, or nothing where the action makes no sense; of any other the printable
characters are typed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition, Filter
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.key_binding.bindings.emacs import load_emacs_bindings
from prompt_toolkit.key_binding.bindings.page_navigation import (
    load_emacs_page_navigation_bindings,
)
from prompt_toolkit.keys import Keys as Key

from trio_chat.client.settings.settings import Settings
from trio_chat.client.state.room.room import Room
from trio_chat.client.state.rooms import Rooms
from trio_chat.client.ui.input.question import Question

# So long the rest of an Alt-key may be on its way behind its Escape; a person is slower.
ESCAPE_SECONDS = 0.05
# So long the second stroke of two, `ctrl-x ctrl-e`, is waited for.
STROKE_SECONDS = 1.0
# Ctrl-C, which also clears the line, leaves only when it is pressed again within this time.
LEAVE_SECONDS = 2.0
# The moves by words of prompt_toolkit: Alt-B, Alt-F, Alt-D.
_WORD_KEYS = frozenset([(Key.Escape, "b"), (Key.Escape, "f"), (Key.Escape, "d")])

Handler: TypeAlias = Callable[[KeyPressEvent], None]


class Keys(KeyBindings):
    """Key bindings by action: the settings say which keys an action has.

    *when*: the filter for all of them.
    """

    def __init__(self, settings: Settings, when: Filter) -> None:
        super().__init__()
        self._keys = settings.bindings()
        self._when = when
        self._bound: set[str] = set()

    def on(self, action: str, when: Filter | None = None) -> Callable[[Handler], Handler]:
        """Call the decorated function for every key of *action* in `keymap.ACTIONS`."""
        self._bound.add(action)

        def bind(handler: Handler) -> Handler:
            both = self._when if when is None else self._when & when
            for key in self._keys[action]:
                self.add(*key, filter=both)(handler)
            return handler

        return bind

    def ignore_others(self) -> None:
        """Let the Alt-keys of all other actions do nothing here, instead of typing a character."""
        for action in self._keys.keys() - self._bound:
            for key in self._keys[action]:
                if len(key) > 1 and key[0] == "escape":
                    self.add(*key, filter=self._when)(_ignore)


def _ignore(event: KeyPressEvent) -> None:
    pass


def bind_rooms(keys: Keys, rooms: Rooms, go_to: Callable[[Room], None]) -> None:
    """Bind the keys that go to other rooms."""

    def bind(action: str, choose: Callable[[], Room | None]) -> None:
        @keys.on(action)
        def go(event: KeyPressEvent) -> None:
            room = choose()
            if room is not None:
                go_to(room)

    for number in range(1, 10):
        bind(f"room_{number}", partial(rooms.numbered, number))
    bind("next_room", partial(rooms.beside, 1))
    bind("previous_room", partial(rooms.beside, -1))
    bind("next_called", rooms.next_called)


def question_keys(
    settings: Settings, asked: Callable[[], Question | None], close: Callable[[], None]
) -> Keys:
    """Return the keys that answer the question *asked*, while there is one; *close* is called once
    it is answered or given up."""
    is_asked = Condition(lambda: asked() is not None)
    keys = Keys(settings, is_asked)

    @keys.add(Key.Any, filter=is_asked)
    def answer(event: KeyPressEvent) -> None:
        question = asked()
        if question is not None and question.answer(event.data):
            close()

    @keys.on("close")
    def give_up(event: KeyPressEvent) -> None:
        close()

    keys.ignore_others()
    return keys


def typing_keys() -> KeyBindings:
    """Return bindings that undo those of prompt_toolkit which swallow a printable character: its
    counts (Alt-1 makes the next key count for several), macros, and what else a chat has no use
    for. To be merged before the bindings that are wanted."""
    keys = KeyBindings()
    # Only those of Emacs' way to edit: that of vi, which takes far more time to load, is never on.
    loaded = (load_emacs_bindings(), load_emacs_page_navigation_bindings())
    for binding in (binding for some in loaded for binding in some.bindings):
        last = binding.keys[-1]
        is_swallowing = len(binding.keys) > 1 and (last == Key.Any or _is_printable(last))
        if is_swallowing and binding.keys not in _WORD_KEYS:
            keys.add(*binding.keys, filter=binding.filter)(_type)
    return keys


def _type(event: KeyPressEvent) -> None:
    typed = [press for press in event.key_sequence if _is_printable(press.key)]
    event.key_processor.feed_multiple(typed, first=True)


def _is_printable(key: Key | str) -> bool:
    return not isinstance(key, Key) and len(key) == 1 and key.isprintable()


def tell_escape_apart(app: Application[Any]) -> None:
    """Make *app* take Escape for itself once ESCAPE_SECONDS have passed, so that what is typed
    after it is typed, and not taken for an Alt-key."""
    app.ttimeoutlen = ESCAPE_SECONDS

    def choose_timeout(_: object) -> None:
        waiting: list[KeyPress] = app.key_processor.key_buffer
        is_alone = [press.key for press in waiting] == [Key.Escape]
        app.timeoutlen = 0.0 if is_alone else STROKE_SECONDS

    app.key_processor.after_key_press += choose_timeout
