"""Sockets, deadlines and fences: nothing here knows of chat."""
