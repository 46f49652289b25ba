"""Generation on this machine with transformers. Imports torch at the top: load it only when a local model answers."""
