"""What learners and teachers say and do about lists: claims and goals, own plans, a class at once."""
