"""What programs outside are told: the numbered feed of events, and webhooks that push it."""
