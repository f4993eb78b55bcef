"""What supervisors see and do: the live board, skills and languages, and what figures tell."""
