"""Settings as a file: `manage.py apply` and `manage.py export`."""
