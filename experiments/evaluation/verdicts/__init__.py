"""From figures to an answer: diagnostics, the rule, comparisons and the gate."""
