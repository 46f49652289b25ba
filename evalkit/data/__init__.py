"""Cases, examples, corpora and recorded rows, read from files; and the profile of them."""
