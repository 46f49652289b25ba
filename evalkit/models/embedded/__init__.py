"""The small causal language model that ships with evalkit."""
