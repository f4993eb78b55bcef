"""One machine of `bench.token_crowd`: `python -m bench.token_worker FD…` forks a worker for each socket.

Who is killed is forked again, with the same socket.
"""

import json
import logging
import os
import signal
import socket
import sys
import time
from dataclasses import asdict
from datetime import timedelta
from typing import NoReturn

import django

django.setup()

from django.db import Error, close_old_connections  # noqa: E402 - models can be imported only now

from bench.token_crowd import Order, Result  # noqa: E402
from sso import oauth, renewal, tokens  # noqa: E402
from sso.models import SSOProvider  # noqa: E402

CLAIM, REFRESH = renewal.CLAIM, oauth.refresh


def main(ends: list[int]) -> NoReturn:
    """Until it is terminated, and its workers with it."""
    logging.disable(logging.WARNING)  # the parent tells what came of it
    workers = {_fork(end): end for end in ends}
    signal.signal(signal.SIGTERM, lambda *_: _end(list(workers)))
    while True:
        pid, _ = os.wait()
        end = workers.pop(pid)
        workers[_fork(end)] = end


def _end(workers: list[int]) -> NoReturn:
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _fork(end: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        _serve(socket.socket(fileno=end))
    finally:
        os._exit(0)


def _serve(line: socket.socket) -> None:
    for words in line.makefile("rb"):
        order = Order(**json.loads(words))
        close_old_connections()
        renewal.CLAIM = timedelta(seconds=order.claim) if order.claim else CLAIM
        oauth.refresh = _Deadly(order.dies_once, line) if order.dies_once else REFRESH
        _say(line, _ask(order))


def _ask(order: Order) -> Result:
    time.sleep(max(0, order.begin - time.time()))
    began = time.monotonic()
    try:
        token = tokens.access_token(order.provider)
    except (tokens.SignInError, Error) as error:
        return Result(error=type(error).__name__, sentence=str(error), seconds=time.monotonic() - began)
    return Result(token, seconds=time.monotonic() - began)


def _say(line: socket.socket, result: Result) -> None:
    line.sendall(json.dumps(asdict(result)).encode() + b"\n")


class _Deadly:
    """A refresh after which the process is killed, before it can store the answer; once for each mark."""

    def __init__(self, mark: str, line: socket.socket) -> None:
        self.mark = mark
        self.line = line

    def __call__(self, provider: SSOProvider, refresh_token: str) -> oauth.Grant:
        grant = REFRESH(provider, refresh_token)
        try:
            os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return grant
        _say(self.line, Result(died=True))
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
