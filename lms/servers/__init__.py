"""Clients of systems that run elsewhere: what is pulled from them and shown in them."""
