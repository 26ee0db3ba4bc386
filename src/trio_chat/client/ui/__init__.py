"""The three faces of the client: full screen, inline, plain. They know no wire and no stream."""
