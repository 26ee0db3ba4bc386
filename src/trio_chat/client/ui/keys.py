"""What the keys of the full screen do. prompt_toolkit calls the last binding that matches."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

if TYPE_CHECKING:
    from trio_chat.client.ui.full import FullScreen


def key_bindings(screen: FullScreen) -> KeyBindings:
    keys = KeyBindings()
    _bind_leaving(keys, screen)
    _bind_pane(keys, screen)
    _bind_rooms(keys, screen)
    _bind_input(keys, screen)
    return keys


def _bind_leaving(keys: KeyBindings, screen: FullScreen) -> None:
    is_empty = Condition(lambda: not screen.buffer.text)

    @keys.add("c-c")
    def clear(event: KeyPressEvent) -> None:
        screen.buffer.reset()

    @keys.add("c-c", filter=is_empty)
    @keys.add("c-d", filter=is_empty)
    def leave(event: KeyPressEvent) -> None:
        screen.leave()

    @keys.add("c-z")
    def suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()


def _bind_pane(keys: KeyBindings, screen: FullScreen) -> None:
    @keys.add("pageup")
    def page_up(event: KeyPressEvent) -> None:
        screen.pane.page_up()

    @keys.add("pagedown")
    def page_down(event: KeyPressEvent) -> None:
        screen.pane.page_down()

    @keys.add("end", filter=Condition(lambda: screen.pane.is_scrolled))
    def follow(event: KeyPressEvent) -> None:
        screen.pane.follow()


def _bind_rooms(keys: KeyBindings, screen: FullScreen) -> None:
    for digit in "123456789":

        @keys.add("escape", digit)
        def go_to(event: KeyPressEvent, number: int = int(digit)) -> None:
            screen.go_to(number)

    @keys.add("escape", "n")
    def next_room(event: KeyPressEvent) -> None:
        screen.go_by(1)

    @keys.add("escape", "p")
    def previous_room(event: KeyPressEvent) -> None:
        screen.go_by(-1)


def _bind_input(keys: KeyBindings, screen: FullScreen) -> None:
    buffer = screen.buffer
    is_choosing = Condition(
        lambda: (
            buffer.complete_state is not None
            and buffer.complete_state.current_completion is not None
        )
    )

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        buffer.validate_and_handle()

    @keys.add("enter", filter=is_choosing)
    def choose(event: KeyPressEvent) -> None:
        buffer.complete_state = None

    @keys.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        buffer.insert_text("\n")

    @keys.add("tab")
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

    @keys.add("s-tab")
    def complete_back(event: KeyPressEvent) -> None:
        buffer.complete_previous()
