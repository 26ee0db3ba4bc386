"""What the keys of the full screen do. prompt_toolkit calls the last binding that matches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

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

if TYPE_CHECKING:
    from trio_chat.client.ui.full.full import FullScreen

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


def key_bindings(screen: FullScreen) -> KeyBindingsBase:
    typing = Keys(screen.settings, has_focus(screen.buffer))
    _bind_leaving(typing, screen)
    _bind_pane(typing, screen)
    _bind_rooms(typing, screen)
    _bind_input(typing, screen)
    _bind_completion(typing, screen)
    return merge_key_bindings(
        [
            load_auto_suggest_bindings(),
            typing,
            _listing_keys(screen),
            _question_keys(screen),
            _secret_keys(screen),
        ]
    )


def _bind_leaving(keys: Keys, screen: FullScreen) -> None:
    is_empty = Condition(lambda: not screen.buffer.text)

    @keys.on("clear")
    def clear(event: KeyPressEvent) -> None:
        screen.buffer.reset()

    @keys.on("leave", is_empty)
    def leave(event: KeyPressEvent) -> None:
        screen.leave()

    @keys.on("suspend")
    def suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()


def _bind_pane(keys: Keys, screen: FullScreen) -> None:
    @keys.on("page_up")
    def page_up(event: KeyPressEvent) -> None:
        screen.pane.page_up()

    @keys.on("page_down")
    def page_down(event: KeyPressEvent) -> None:
        screen.pane.page_down()

    @keys.on("newest", Condition(lambda: screen.pane.is_scrolled))
    def follow(event: KeyPressEvent) -> None:
        screen.pane.follow()

    @keys.on("first_unread")
    def first_unread(event: KeyPressEvent) -> None:
        screen.pane.show_marker()

    @keys.on("bare")
    def bare(event: KeyPressEvent) -> None:
        screen.show_bare()

    @keys.on("help")
    def show_keys(event: KeyPressEvent) -> None:
        screen.show_keys()


def _bind_rooms(keys: Keys, screen: FullScreen) -> None:
    for number in range(1, 10):

        @keys.on(f"room_{number}")
        def go_to(event: KeyPressEvent, number: int = number) -> None:
            screen.go_to(number)

    @keys.on("next_room")
    def next_room(event: KeyPressEvent) -> None:
        screen.go_by(1)

    @keys.on("previous_room")
    def previous_room(event: KeyPressEvent) -> None:
        screen.go_by(-1)

    @keys.on("rooms")
    def rooms(event: KeyPressEvent) -> None:
        screen.show_rooms()

    @keys.on("next_called")
    def next_called(event: KeyPressEvent) -> None:
        screen.go_to_called()


def _bind_input(keys: Keys, screen: FullScreen) -> None:
    buffer = screen.buffer

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
        if text := screen.completer.last_to_mend():
            buffer.insert_text(text)

    @keys.add(Key.BracketedPaste, filter=has_focus(buffer))
    def paste(event: KeyPressEvent) -> None:
        screen.paste(event.data)


def _bind_completion(keys: Keys, screen: FullScreen) -> None:
    buffer = screen.buffer
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


def _listing_keys(screen: FullScreen) -> Keys:
    keys = Keys(screen.settings, Condition(lambda: screen.listing is not None))

    def move(action: str, rows: int = 0, pages: int = 0) -> None:
        @keys.on(action)
        def moved(event: KeyPressEvent) -> None:
            if screen.listing is not None:
                screen.listing.move(rows)
                screen.listing.move_pages(pages)

    move("earlier", rows=-1)
    move("later", rows=1)
    move("page_up", pages=-1)
    move("page_down", pages=1)

    @keys.on("send")
    def choose(event: KeyPressEvent) -> None:
        if screen.listing is not None:
            screen.listing.choose()

    @keys.on("help")
    @keys.on("close", eager=True)
    def close(event: KeyPressEvent) -> None:
        screen.close()

    return keys


def _question_keys(screen: FullScreen) -> Keys:
    keys = Keys(screen.settings, Condition(lambda: screen.question is not None))

    @keys.add(Key.Any, filter=Condition(lambda: screen.question is not None))
    def answer(event: KeyPressEvent) -> None:
        if screen.question is not None and screen.question.answer(event.data):
            screen.close()

    @keys.on("close", eager=True)
    def close(event: KeyPressEvent) -> None:
        screen.close()

    return keys


def _secret_keys(screen: FullScreen) -> Keys:
    keys = Keys(screen.settings, has_focus(screen.secret_buffer))

    @keys.on("send")
    def give(event: KeyPressEvent) -> None:
        screen.give_secret()

    @keys.on("close", eager=True)
    def close(event: KeyPressEvent) -> None:
        screen.close()

    return keys
