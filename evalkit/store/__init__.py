"""What is on disk: the run folder, the journal, the response cache, the lock."""
