"""A person's choices, and the questions asked before the client can start."""
