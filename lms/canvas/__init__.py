"""Canvas live events."""
