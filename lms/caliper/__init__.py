"""Caliper."""
