"""One request in, one completion out, with every promise: cache, retries, concurrency, timing."""
