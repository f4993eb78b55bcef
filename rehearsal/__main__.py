"""``python -m rehearsal --dir FOLDER``: run the world until Ctrl-C or SIGTERM.

When everything answers it prints one line of JSON (the contents of ``world.json``) and then ``ready``.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from rehearsal.customers.crowd import Habits
from rehearsal.mail.imap import keep_tasks_alive
from rehearsal.ports import PortTakenError
from rehearsal.world import AlreadyRunningError, Options, World


def main() -> int:
    """Run; 0 after a clean stop, 1 with a sentence when the world cannot start."""
    options = _read_options()
    logging.basicConfig(level=logging.WARNING, format="rehearsal: %(message)s")
    # aiosmtpd warns about an attribute of its own at every login.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    try:
        asyncio.run(_run(options))
    except (AlreadyRunningError, PortTakenError) as error:
        print(error, file=sys.stderr)
    except (OSError, ValueError) as error:
        print(f"The rehearsal world cannot use {options.folder}: {error}.", file=sys.stderr)
    else:
        return 0
    return 1


def _read_options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    parser.add_argument("--dir", type=Path, default=Path("data/rehearsal"), help="folder of this world")
    parser.add_argument("--port", type=int, default=0, help="port of the web pages (default: a free one)")
    parser.add_argument("--token-life", type=float, default=3600, help="life of an access token, seconds")
    parser.add_argument("--every", type=float, default=6, help="seconds between two letters of customers")
    parser.add_argument("--burst", type=int, default=12, help="letters at the very start")
    parser.add_argument(
        "--product",
        default=os.environ.get("UCS_BASE_URL") or "http://127.0.0.1:8080",
        help="address of the program to rehearse, as the pages should name it",
    )
    parser.add_argument(
        "--inbound", default="", help="HOST:PORT of the SMTP server that takes mail for other domains"
    )
    given = parser.parse_args()
    if given.every <= 0 or given.burst < 0 or given.token_life <= 0:
        parser.error("--every and --token-life must be above 0, --burst not below")
    host, _, port = given.inbound.rpartition(":")
    if given.inbound and not (host and port.isdigit()):
        parser.error("--inbound is HOST:PORT, such as 127.0.0.1:2525")
    return Options(
        folder=given.dir.absolute(),
        port=given.port,
        token_life=given.token_life,
        habits=Habits(every=given.every, burst=given.burst),
        product=given.product.rstrip("/"),
        inbound=(host, int(port)) if given.inbound else None,
    )


async def _run(options: Options) -> None:
    loop = asyncio.get_running_loop()
    keep_tasks_alive(loop)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    world = World(options)
    try:
        await world.start()
        print(json.dumps(world.description()), "ready", sep="\n", flush=True)
        await stop.wait()
    finally:
        await world.stop()


if __name__ == "__main__":
    sys.exit(main())
