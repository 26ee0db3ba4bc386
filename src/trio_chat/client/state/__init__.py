"""What the client knows, sans-I/O: no stream, no clock, no terminal."""
