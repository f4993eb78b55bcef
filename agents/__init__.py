"""Who can answer: agents, their skills and languages, whether they are there."""
