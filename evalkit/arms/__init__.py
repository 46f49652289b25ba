"""An arm put together: model x prompt x optional retrieval."""
