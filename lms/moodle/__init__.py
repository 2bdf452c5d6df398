"""Moodle: its standard log, and the grade items that give a grade its meaning."""
