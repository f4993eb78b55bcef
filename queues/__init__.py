"""E-mail queues: conversations, who gets them, and the agent desk."""
