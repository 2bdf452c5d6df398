"""Doors in and out of learning management systems, one file a format."""
