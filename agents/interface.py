"""The languages that our pages speak, each by its own name. Those that agents write are another matter."""

LANGUAGES = (("en", "English"), ("cs", "Čeština"), ("de", "Deutsch"), ("es", "Español"))
CODES = frozenset(code for code, _ in LANGUAGES)
