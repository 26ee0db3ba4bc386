"""The key bindings of the full screen. prompt_toolkit calls the last binding that matches."""

from __future__ import annotations

from itertools import islice

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import (
    KeyBindingsBase,
    KeyPressEvent,
    merge_key_bindings,
)
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.key_binding.bindings.search import start_reverse_incremental_search
from prompt_toolkit.keys import Keys as Key

from trio_chat.client.ui.full.desk import Desk
from trio_chat.client.ui.input.keyboard import Keys, bind_rooms, question_keys, typing_keys
from trio_chat.client.ui.input.paste import UnmarkedPaste


def key_bindings(desk: Desk) -> KeyBindingsBase:
    """Return the bindings of the full screen, the more special ones last."""
    typing = Keys(desk.settings, has_focus(desk.buffer))
    _bind_leaving(typing, desk)
    _bind_pane(typing, desk)
    _bind_rooms(typing, desk)
    _bind_input(typing, desk)
    _bind_completion(typing, desk)
    return merge_key_bindings(
        [
            load_auto_suggest_bindings(),
            typing_keys(),
            typing,
            _listing_keys(desk),
            question_keys(desk.settings, lambda: desk.question, desk.close),
            _secret_keys(desk),
        ]
    )


def _bind_leaving(keys: Keys, desk: Desk) -> None:
    is_empty = Condition(lambda: not desk.buffer.text)

    @keys.on("clear")
    def clear(event: KeyPressEvent) -> None:
        desk.clear()

    @keys.on("leave", is_empty)
    def leave(event: KeyPressEvent) -> None:
        if event.key_sequence[0].key == Key.ControlC:  # it clears as well, so it may be a mistake
            desk.leave_if_meant()
        else:
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
        desk.show_marker()

    @keys.on("bare")
    def bare(event: KeyPressEvent) -> None:
        desk.show_bare()

    @keys.on("help")
    def show_keys(event: KeyPressEvent) -> None:
        desk.show_keys()


def _bind_rooms(keys: Keys, desk: Desk) -> None:
    bind_rooms(keys, desk.model.rooms, desk.go_to)

    @keys.on("rooms")
    def rooms(event: KeyPressEvent) -> None:
        desk.show_rooms()


def _bind_input(keys: Keys, desk: Desk) -> None:
    buffer = desk.buffer

    @keys.on("send")
    def send(event: KeyPressEvent) -> None:
        desk.send()

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
        desk.paste(event.data, is_marked=not isinstance(event.key_sequence[-1], UnmarkedPaste))


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
    """Return the keys of a list. Characters still go into the line that has the focus."""
    keys = Keys(desk.settings, Condition(lambda: desk.listing is not None))
    is_picking = Condition(lambda: desk.is_filtering or not desk.buffer.text)

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

    @keys.on("send", is_picking)
    def choose(event: KeyPressEvent) -> None:
        if desk.listing is not None:
            desk.listing.choose()

    @keys.on("help")
    @keys.on("close")
    def close(event: KeyPressEvent) -> None:
        desk.close()

    _bind_rooms(keys, desk)
    keys.ignore_others()
    return keys


def _secret_keys(desk: Desk) -> Keys:
    is_secret = has_focus(desk.secret_buffer)
    keys = Keys(desk.settings, is_secret)

    @keys.on("send")
    def give(event: KeyPressEvent) -> None:
        desk.give_secret()

    @keys.on("close")
    def close(event: KeyPressEvent) -> None:
        desk.close()

    @keys.add(Key.BracketedPaste, filter=is_secret)
    def paste(event: KeyPressEvent) -> None:
        desk.secret_buffer.insert_text("".join(event.data.splitlines()))

    keys.ignore_others()
    return keys
