"""The embedded model: where its weights come from, the process that serves it, its provider."""
