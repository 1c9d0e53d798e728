"""What comes from other programs and goes to them: their histories, agent files, conversations as
documents. All of it is untrusted input: it is read as values, and nothing in it runs."""
