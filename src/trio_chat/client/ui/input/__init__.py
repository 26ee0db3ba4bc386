"""Help with typing a line: completion, history, questions, passwords without echo."""
