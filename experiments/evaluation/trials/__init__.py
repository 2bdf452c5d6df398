"""Experiments in class: declared before they start, assigned without a list, and looked at every week."""
