"""The database, its schema and key, the configuration beside it, and what goes wrong, in one sentence."""
