"""Rows of what a class did together: groups, places, reviews, scores by criterion, talks, feedback."""
