"""Moving in: mail of years from files and from other systems, into the conversations here."""
