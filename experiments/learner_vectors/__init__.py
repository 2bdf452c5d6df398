"""Learner vectors."""
