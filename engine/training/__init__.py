"""From a log to what a recommender learns from it: models, rewards, effects of resources, trust."""
