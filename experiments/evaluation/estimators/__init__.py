"""What a target policy would have earned, as a figure: estimators, their errors, and what they need."""
