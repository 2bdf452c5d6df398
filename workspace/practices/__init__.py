"""Practices of a class on its records: what was suggested, kept and given, and what follows from it."""
