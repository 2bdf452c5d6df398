"""What decisions are made from: the catalogue, the learners' states, and the model in charge."""
