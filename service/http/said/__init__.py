"""The JSON of what learners and teachers say, and of what a class does together."""
