"""From a peer's bytes to what is asked."""
