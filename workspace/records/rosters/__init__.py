"""Who a learner is at each door, and who is in which class."""
