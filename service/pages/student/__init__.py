"""A student's pages."""
