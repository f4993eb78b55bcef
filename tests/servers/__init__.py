"""Real servers on loopback for the tests, each in a folder of its own, stopped by who started it."""
