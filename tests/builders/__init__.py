"""What several test folders build: synthetic runs, suites, servers."""
