"""What takes an event back, or gives it another score."""
