"""Open edX tracking logs."""
