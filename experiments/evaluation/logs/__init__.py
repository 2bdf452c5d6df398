"""Logged choices as arrays: read, checked, counted."""
