"""What queueing theory computes, to hold the simulator against."""

from collections.abc import Sequence


def erlang_c(servers: int, rate: float, work: float) -> float:
    """Mean wait with Poisson arrivals and exponential work (M/M/c), by the recursion of Erlang B."""
    offered = rate * work
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    waits = blocked / (1 - offered / servers * (1 - blocked))
    return waits * work / (servers - offered)


def cobham(rates: Sequence[float], work: float, square: float) -> list[float]:
    """Mean wait of each class at one server, the first goes first and nobody is interrupted (Cobham 1954).

    :param square: the mean of the squared work.
    """
    rest = sum(rates) * square / 2
    waits, before = [], 0.0
    for rate in rates:
        after = before + rate * work
        waits.append(rest / ((1 - before) * (1 - after)))
        before = after
    return waits
