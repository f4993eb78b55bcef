"""Tokens under a crowd: how often is the provider asked, what is lost when something dies.

    python -m bench.tokens [--rounds 200] [--faults 5] [--slow 20]

Two machines of eight workers each, all separate processes on one PostgreSQL, wake with the same expired token
at the same moment. Half of the rounds are played against a provider that replaces the refresh token at each
call and ends the sign-in when it sees an old one again. Then the fault rounds: the refreshing process is
killed between the answer and the commit, the provider is slow, answers 503, the database is restarted. In the
rounds with a kill a claim lasts 2 s instead of 90.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from ucs import environment
from ucs.datafolder import DataFolder
from ucs.embedded import Embedded

PLACE = tempfile.TemporaryDirectory(prefix="tokens-")
SERVICES = Embedded(DataFolder(Path(PLACE.name)), throwaway=True)
os.environ.update(environment.new_keys())
os.environ.update(SERVICES.start())
os.environ |= {"UCS_DATA_DIR": PLACE.name, "UCS_ALLOW_PRIVATE_HOSTS": "true"}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucs.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402

from bench import token_rounds as rounds  # noqa: E402
from bench.token_crowd import Crowd  # noqa: E402
from bench.token_rounds import World  # noqa: E402
from rehearsal.oauth import Account, OAuthServer  # noqa: E402
from sso.models import SSOProvider  # noqa: E402
from tests.make import make_signed_in_provider  # noqa: E402

MAILBOX = "support@example.com"


def strict(server: OAuthServer, is_strict: bool) -> None:
    """Whether each refresh token is good once, and its second use ends the sign-in."""
    server.faults.rotate_refresh_tokens = server.faults.end_on_reuse = is_strict


def restart_database() -> None:
    """Stop the server and start it again."""
    assert SERVICES.postgres
    connections.close_all()
    SERVICES.postgres.stop()
    SERVICES.postgres.start()


def crowds(server: OAuthServer, crowd: Crowd, count: int) -> int:
    """The rounds in which nothing goes wrong; how many were wrong."""
    wrong = 0
    for name, is_strict in (("one refresh token for all", False), ("each refresh token once", True)):
        strict(server, is_strict)
        tally = rounds.play(World(server, crowd, new_provider(server)), count)
        print(f"{name:34} {tally}", flush=True)
        for sentence in tally.wrong[:10]:
            print(f"  {sentence}")
        wrong += len(tally.wrong)
    return wrong


def faults(server: OAuthServer, crowd: Crowd, count: int, slow: float) -> int:
    """The rounds in which something goes wrong; how many came out wrong."""
    plays = {
        "killed before the commit": (rounds.killed, False),
        "killed, each refresh token once": (rounds.killed_with_the_only_token, True),
        "503, then good": (rounds.down_then_good, True),
        "database restarted": (lambda world: rounds.database_lost(world, restart_database), True),
        f"the provider takes {slow:.0f} s": (lambda world: rounds.slow(world, slow), True),
    }
    wrong = 0
    for name, (play, is_strict) in plays.items():
        times = 1 if name.startswith("the provider") else count
        found: list[str] = []
        for _ in range(times):
            strict(server, is_strict)
            found += play(World(server, crowd, new_provider(server)))
        print(f"{name:34} {times} rounds, {len(found)} wrong", flush=True)
        for sentence in found[:10]:
            print(f"  {sentence}")
        wrong += len(found)
    return wrong


def new_provider(server: OAuthServer) -> SSOProvider:
    """A provider with a sign-in of its own."""
    return make_signed_in_provider(server, MAILBOX)


def main() -> int:
    """Play all of it; exit code 1 when anything came out wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="for each kind of provider")
    parser.add_argument("--faults", type=int, default=5, help="rounds of each fault")
    parser.add_argument("--slow", type=float, default=20, help="seconds of a slow answer")
    chosen = parser.parse_args()
    try:
        call_command("migrate", verbosity=0, interactive=False)
        connection.close()
        with OAuthServer(accounts=[Account(MAILBOX)]) as server, Crowd(dict(os.environ)) as crowd:
            wrong = crowds(server, crowd, chosen.rounds)
            wrong += faults(server, crowd, chosen.faults, chosen.slow)
    finally:
        SERVICES.stop()
        PLACE.cleanup()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
