"""Arms: which ones a suite runs, and each as prompt x optional retrieval, ready to compose."""
