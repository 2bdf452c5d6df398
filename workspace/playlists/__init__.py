"""A learner's lists: asked for, drawn and stored, shown as they are now, and what people say of steps."""
