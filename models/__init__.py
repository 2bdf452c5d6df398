"""Arrays in, posterior out: these models know no learner and no resource."""
