"""What became of a step, said by learners and teachers, and what a workspace takes of it."""
