"""Drawing of what is typed, as the pane draws it: the cursor stands where the terminal has it. It
knows no keys."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from prompt_toolkit.formatted_text import StyleAndTextTuples, fragment_list_to_text
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

from trio_chat.client.text.wrapping import steady_pieces


class DrawSteady(Processor):
    """Draws emoji with the widths that every terminal agrees about; see `wrapping.steady`."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments = transformation_input.fragments
        text = fragment_list_to_text(fragments)
        if text.isascii():
            return Transformation(fragments)
        pieces = steady_pieces(text)
        drawn: StyleAndTextTuples = [
            (fragment[0], piece)
            for fragment, piece in zip(explode_text_fragments(fragments), pieces, strict=True)
        ]
        starts = [0, *accumulate(map(len, pieces))]
        return Transformation(
            drawn,
            source_to_display=lambda i: starts[min(i, len(pieces))] + max(0, i - len(pieces)),
            display_to_source=lambda i: max(0, bisect_right(starts, i) - 1),
        )
