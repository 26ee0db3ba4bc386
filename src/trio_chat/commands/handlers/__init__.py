"""The handlers of the slash commands, by theme."""
