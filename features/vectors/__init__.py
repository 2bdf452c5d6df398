"""A learner's state as numbers: the learner vector, the success model and its forecasts, interests."""
