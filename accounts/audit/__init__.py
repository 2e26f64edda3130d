"""Accountability: who did what, when, by what means, for whom. Never what a message says."""
