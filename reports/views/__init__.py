"""Pages for supervisors: read through `reports`, act through `queues.actions`, show the result."""
