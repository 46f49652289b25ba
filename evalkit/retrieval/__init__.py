"""From a question to passages, and how good the passages were."""
