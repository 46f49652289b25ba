"""Models: one request in, one completion out. Each file is one kind of back end."""
