"""From committed batches to the links: sessions, outboxes, and catching up with the log."""
