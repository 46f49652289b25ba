"""Text as the metrics and the retriever see it: normalised forms and words."""
