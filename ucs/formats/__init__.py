"""How days and times are written in each language, under names of ours beside Django's own."""
