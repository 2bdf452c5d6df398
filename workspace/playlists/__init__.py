"""A learner's lists: asked for with what was said, drawn and stored, and as they are shown now."""
