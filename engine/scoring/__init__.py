"""The score of a candidate: named factors, the learned part, and how both lie side by side for a block."""
