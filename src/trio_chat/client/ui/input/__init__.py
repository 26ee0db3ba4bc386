"""What helps to type a line: completion, history, questions, passwords without echo."""
