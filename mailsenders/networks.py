"""Which addresses are our own network, where clear text may travel."""

from ipaddress import ip_address


def is_inside(address: str) -> bool:
    """Whether an IP address is of this machine or of a private network."""
    ip = ip_address(address.partition("%")[0])
    return ip.is_private or ip.is_loopback


def is_here(address: str) -> bool:
    """Whether an IP address is of this machine, so that nobody can listen."""
    return ip_address(address.partition("%")[0]).is_loopback
