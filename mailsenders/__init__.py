"""The outgoing side: e-mail senders and the outbox."""
