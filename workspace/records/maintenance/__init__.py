"""Maintenance: what monitoring, learners' rights, retention and backups read, copy and remove."""
