"""Runs made from results that were measured elsewhere."""
