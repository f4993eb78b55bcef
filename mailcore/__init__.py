"""Mail as bytes on one side, dataclasses on the other. Pure Python: no Django, no network, no files."""
