"""Oneroster."""
