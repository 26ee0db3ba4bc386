"""The client for programs: `open_chat`, and what it stands on. It has no screen."""
