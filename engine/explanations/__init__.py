"""In people's words: why this step, why not another, what if, and what speaks against a plan of one's own."""
