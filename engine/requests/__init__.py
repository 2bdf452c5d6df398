"""What is asked: a request, many of one shape as arrays, and what they say themselves."""
