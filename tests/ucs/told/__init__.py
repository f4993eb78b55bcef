"""Acts of the administration's pages, each with what a person must be told after it."""
