"""xAPI statements and the cmi5 profile."""
