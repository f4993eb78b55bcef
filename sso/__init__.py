"""Signing in: SSO providers, their tokens, and how secrets are kept."""
