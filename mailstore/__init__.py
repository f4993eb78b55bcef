"""Raw mail, kept once as bytes in PostgreSQL, whichever way it travels."""
