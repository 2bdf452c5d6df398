"""LTI 1.3 Advantage: Segue as a tool that an LMS launches; knows no web framework."""
