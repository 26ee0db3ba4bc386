"""The state of the client, sans-I/O: no stream, no clock, no terminal."""
