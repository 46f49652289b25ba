"""One request in, one completion out, with every promise: cache, cost limit, retries, concurrency, timing."""
