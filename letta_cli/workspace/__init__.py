"""What tools act on: the files, processes and repository around one working directory."""
