"""Openedx."""
