"""A team at work in fast motion: who gets which mail under which rule. Pure, and the same from a seed."""
