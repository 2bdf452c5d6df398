"""Decisions: policies, rules, playlists with exact propensities, reasons, the store and the weekly batch."""
