"""What is known, as numbers: events, catalogue, difficulty, history, interests, contexts, rewards."""
