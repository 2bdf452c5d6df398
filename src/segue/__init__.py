"""Segue: what should this student do next, and why?"""
