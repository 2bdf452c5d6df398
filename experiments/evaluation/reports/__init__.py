"""Answers as pages and pictures."""
