"""The customers: they write in six languages, wait for an answer, and answer the answer."""
