"""The engine: one run of one conversation as a stream of events. Knows no screen."""
