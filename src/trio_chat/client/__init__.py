"""The terminal client: it knows the wire and the words, nothing of the server."""
