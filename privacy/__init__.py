"""A person's right to be forgotten and to be told, and how long mail is kept."""
