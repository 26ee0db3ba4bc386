"""Masking of a password while it is typed behind its command. It knows no keys."""

from __future__ import annotations

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

from trio_chat.client.state.passwords import hidden_from


class MaskPasswords(Processor):
    """Shows `*` for each character that may be of a password: `/login ********`."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        document, number = transformation_input.document, transformation_input.lineno
        fragments = transformation_input.fragments
        first = hidden_from(document.text)
        if first is None:
            return Transformation(fragments)
        begins_at = document.translate_row_col_to_index(number, 0)
        masked: StyleAndTextTuples = []
        for index, (style, character, *_) in enumerate(explode_text_fragments(fragments)):
            masked.append((style, "*" if begins_at + index >= first else character))
        return Transformation(masked)
