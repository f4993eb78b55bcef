"""The rehearsal world: a small internet on loopback for the first run, for training and for tests.

It plays Google (OAuth, IMAP, SMTP), a plain mail host and the customers who write and answer. It is a
program of its own (``python -m rehearsal``): it imports nothing of the product, and the product never
imports it. Only :mod:`rehearsal.settings` knows both sides.
"""
