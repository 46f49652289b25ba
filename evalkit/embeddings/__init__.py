"""Texts to vectors. One file beside this one is one kind of back end."""
