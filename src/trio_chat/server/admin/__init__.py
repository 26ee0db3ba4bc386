"""What the person at the server's machine does: `trio-chat account`, by a socket."""
