"""From a case and its sample to a score."""
