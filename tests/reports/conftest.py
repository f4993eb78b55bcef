"""The browser of the desk's tests, for the pages of supervisors."""

from tests.desk.conftest import SignIn, sign_in, site, web

__all__ = ["SignIn", "sign_in", "site", "web"]
