"""The three screens of the client: full, inline, plain. They know no wire and no stream."""
