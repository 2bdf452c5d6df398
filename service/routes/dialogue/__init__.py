"""Calls for what learners and teachers say to each other, and for what a class does together."""
