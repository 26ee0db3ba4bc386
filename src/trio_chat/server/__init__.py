"""Where trio lives: listeners, sessions, the broadcast, and the nurseries round them."""
