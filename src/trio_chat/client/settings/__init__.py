"""What a person chose, and what has to be asked for before the client can start."""
