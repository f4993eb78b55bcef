"""Contestants and mails of `bench/ingest.py`."""
