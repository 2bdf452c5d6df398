"""The model in charge: its artefact, what it starts from and falls back on, what it has learnt since."""
