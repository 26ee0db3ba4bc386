"""Search in the database: the index, how it follows the log, and the readers that ask it."""
