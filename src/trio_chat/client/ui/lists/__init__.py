"""Lists that stand in place of the messages: rooms, keys, what was found."""
