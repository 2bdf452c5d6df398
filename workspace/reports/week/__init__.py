"""What a week showed of a class or school: learning, resources, fairness, and whether it is personal."""
