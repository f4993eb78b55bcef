"""Who comes in: passwords, second factors, accounts at providers."""
