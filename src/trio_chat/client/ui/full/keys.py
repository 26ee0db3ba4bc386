"""The key bindings of the full screen. prompt_toolkit calls the last binding that matches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TypeAlias

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.filters import Condition, Filter, has_focus
from prompt_toolkit.key_binding import (
    KeyBindings,
    KeyBindingsBase,
    KeyPressEvent,
    merge_key_bindings,
)
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.key_binding.bindings.search import start_reverse_incremental_search
from prompt_toolkit.keys import Keys as Key

from trio_chat.client.settings.settings import Settings
from trio_chat.client.ui.full.desk import Desk

Handler: TypeAlias = Callable[[KeyPressEvent], None]


class Keys(KeyBindings):
    """Key bindings by action: the settings say which keys an action has.

    *when*: the filter for all of them.
    """

    def __init__(self, settings: Settings, when: Filter) -> None:
        super().__init__()
        self._keys = settings.bindings()
        self._when = when

    def on(
        self, action: str, when: Filter | None = None, *, eager: bool = False
    ) -> Callable[[Handler], Handler]:
        """Call the decorated function for every key of *action* in `keymap.ACTIONS`."""

        def bind(handler: Handler) -> Handler:
            both = self._when if when is None else self._when & when
            for key in self._keys[action]:
                self.add(*key, filter=both, eager=eager)(handler)
            return handler

        return bind


def key_bindings(desk: Desk) -> KeyBindingsBase:
    typing = Keys(desk.settings, has_focus(desk.buffer))
    _bind_leaving(typing, desk)
    _bind_pane(typing, desk)
    _bind_rooms(typing, desk)
    _bind_input(typing, desk)
    _bind_completion(typing, desk)
    return merge_key_bindings(
        [
            load_auto_suggest_bindings(),
            typing,
            _listing_keys(desk),
            _question_keys(desk),
            _secret_keys(desk),
        ]
    )


def _bind_leaving(keys: Keys, desk: Desk) -> None:
    is_empty = Condition(lambda: not desk.buffer.text)

    @keys.on("clear")
    def clear(event: KeyPressEvent) -> None:
        desk.buffer.reset()

    @keys.on("leave", is_empty)
    def leave(event: KeyPressEvent) -> None:
        desk.leave()

    @keys.on("suspend")
    def suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()


def _bind_pane(keys: Keys, desk: Desk) -> None:
    @keys.on("page_up")
    def page_up(event: KeyPressEvent) -> None:
        desk.pane.page_up()

    @keys.on("page_down")
    def page_down(event: KeyPressEvent) -> None:
        desk.pane.page_down()

    @keys.on("newest", Condition(lambda: desk.pane.is_scrolled))
    def follow(event: KeyPressEvent) -> None:
        desk.pane.follow()

    @keys.on("first_unread")
    def first_unread(event: KeyPressEvent) -> None:
        desk.pane.show_marker()

    @keys.on("bare")
    def bare(event: KeyPressEvent) -> None:
        desk.show_bare()

    @keys.on("help")
    def show_keys(event: KeyPressEvent) -> None:
        desk.show_keys()


def _bind_rooms(keys: Keys, desk: Desk) -> None:
    for number in range(1, 10):

        @keys.on(f"room_{number}")
        def go_to(event: KeyPressEvent, number: int = number) -> None:
            desk.go_to(number)

    @keys.on("next_room")
    def next_room(event: KeyPressEvent) -> None:
        desk.go_by(1)

    @keys.on("previous_room")
    def previous_room(event: KeyPressEvent) -> None:
        desk.go_by(-1)

    @keys.on("rooms")
    def rooms(event: KeyPressEvent) -> None:
        desk.show_rooms()

    @keys.on("next_called")
    def next_called(event: KeyPressEvent) -> None:
        desk.go_to_called()


def _bind_input(keys: Keys, desk: Desk) -> None:
    buffer = desk.buffer

    @keys.on("send")
    def send(event: KeyPressEvent) -> None:
        buffer.validate_and_handle()

    @keys.on("new_line")
    def new_line(event: KeyPressEvent) -> None:
        buffer.insert_text("\n")

    @keys.on("search_input")
    def search(event: KeyPressEvent) -> None:
        start_reverse_incremental_search.call(event)

    @keys.on("edit")
    def edit(event: KeyPressEvent) -> None:
        buffer.open_in_editor()

    @keys.on("mend", Condition(lambda: not buffer.text))
    def mend(event: KeyPressEvent) -> None:
        if text := desk.completer.last_to_mend():
            buffer.insert_text(text)

    @keys.add(Key.BracketedPaste, filter=has_focus(buffer))
    def paste(event: KeyPressEvent) -> None:
        desk.paste(event.data)


def _bind_completion(keys: Keys, desk: Desk) -> None:
    buffer = desk.buffer
    is_choosing = Condition(
        lambda: (
            buffer.complete_state is not None
            and buffer.complete_state.current_completion is not None
        )
    )

    @keys.on("send", is_choosing)
    def choose(event: KeyPressEvent) -> None:
        buffer.complete_state = None

    @keys.on("complete")
    def complete(event: KeyPressEvent) -> None:
        # At once if there is one answer: the menu comes later, and may be on its way already.
        requested = CompleteEvent(completion_requested=True)
        found = list(islice(buffer.completer.get_completions(buffer.document, requested), 2))
        if len(found) == 1:
            buffer.apply_completion(found[0])
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    @keys.on("complete_back")
    def complete_back(event: KeyPressEvent) -> None:
        buffer.complete_previous()

    # A menu that only came up while typing does not take the arrows away from the history.
    @keys.on("earlier")
    def earlier(event: KeyPressEvent) -> None:
        if not is_choosing():
            buffer.complete_state = None
        buffer.auto_up(count=event.arg)

    @keys.on("later")
    def later(event: KeyPressEvent) -> None:
        buffer.auto_down(count=event.arg)


def _listing_keys(desk: Desk) -> Keys:
    keys = Keys(desk.settings, Condition(lambda: desk.listing is not None))

    def move(action: str, rows: int = 0, pages: int = 0) -> None:
        @keys.on(action)
        def moved(event: KeyPressEvent) -> None:
            if desk.listing is not None:
                desk.listing.move(rows)
                desk.listing.move_pages(pages)

    move("earlier", rows=-1)
    move("later", rows=1)
    move("page_up", pages=-1)
    move("page_down", pages=1)

    @keys.on("send")
    def choose(event: KeyPressEvent) -> None:
        if desk.listing is not None:
            desk.listing.choose()

    @keys.on("help")
    @keys.on("close", eager=True)
    def close(event: KeyPressEvent) -> None:
        desk.close()

    return keys


def _question_keys(desk: Desk) -> Keys:
    keys = Keys(desk.settings, Condition(lambda: desk.question is not None))

    @keys.add(Key.Any, filter=Condition(lambda: desk.question is not None))
    def answer(event: KeyPressEvent) -> None:
        if desk.question is not None and desk.question.answer(event.data):
            desk.close()

    @keys.on("close", eager=True)
    def close(event: KeyPressEvent) -> None:
        desk.close()

    return keys


def _secret_keys(desk: Desk) -> Keys:
    keys = Keys(desk.settings, has_focus(desk.secret_buffer))

    @keys.on("send")
    def give(event: KeyPressEvent) -> None:
        desk.give_secret()

    @keys.on("close", eager=True)
    def close(event: KeyPressEvent) -> None:
        desk.close()

    return keys
