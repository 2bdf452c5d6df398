"""What a decision knows of learner and candidate: facts, looked ahead, and the named columns made of them."""
