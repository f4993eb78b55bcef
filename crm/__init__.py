"""Who wrote to us, and everything that was said to and by them."""
