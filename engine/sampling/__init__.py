"""How a list is drawn, step by step, and what it is when drawn; random generators by name."""
