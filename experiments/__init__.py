"""Evidence: off-policy evaluation, simulated classrooms, sweeps and the promotion gate."""
