"""Texts to vectors. Each file next to this one is one kind of back end."""
