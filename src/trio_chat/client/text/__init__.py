"""From lines to rows of text, in cells of a terminal or in a file. It knows no keys."""
