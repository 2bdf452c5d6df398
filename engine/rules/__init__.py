"""Hard rules: what may stand in a list, what gives way when nothing is left, and why nothing was."""
