"""How far a figure may be off."""
