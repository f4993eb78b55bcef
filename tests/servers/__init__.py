"""Real servers on loopback for the tests: each in a folder of its own, each stopped by the one who started it."""
