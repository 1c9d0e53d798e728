"""Faces: each turns a run's events into output, and a person's input into Session calls."""
