"""Practices of a class, as pure functions: capacity, groups, projects, rubrics, reviews, pace, axes."""
