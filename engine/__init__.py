"""Decisions from what is known: rules, scores, exact propensities, reasons, training; no store, no clock."""
