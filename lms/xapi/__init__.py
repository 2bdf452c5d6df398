"""Xapi."""
