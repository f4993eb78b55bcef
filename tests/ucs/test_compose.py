"""docker-compose.yml says what the product means, whether or not Docker is here to confirm it."""

import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml

from mailstore.workers import QUEUES
from ucs.environment import PRODUCT

COMPOSE = PRODUCT / "docker-compose.yml"
OURS = ("migrate", "web", "worker-fetch", "worker", "beat", "watch", "intake")


def has_compose() -> bool:
    """Whether the docker client has its compose plugin."""
    docker = shutil.which("docker")
    return docker is not None and not subprocess.call(
        [docker, "compose", "version"], stderr=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


@pytest.mark.skipif(not has_compose(), reason="the docker client has no compose plugin")
def test_docker_agrees() -> None:
    checked = subprocess.run(
        ["docker", "compose", "-f", str(COMPOSE), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_services(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {*OURS, "postgres", "redis", "clamav"}
    known = {
        "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "init",
        "logging", "ports", "profiles", "read_only", "restart", "security_opt", "shm_size",
        "stop_grace_period", "tmpfs", "user", "volumes",
    }  # fmt: skip
    for name, service in services.items():
        assert set(service) <= known, name
        assert isinstance(service.get("command", []), list), (
            f"{name} must run without a shell to get its signals"
        )
        for other in service.get("depends_on", {}):
            assert other in services
    for name in OURS:
        assert services[name]["user"] == "10001:10001"
        assert services[name]["read_only"] is True
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == set(compose["volumes"])


def test_every_queue_has_one_kind_of_worker(compose: dict[str, Any]) -> None:
    served: list[str] = []
    for name in ("worker-fetch", "worker"):
        command = compose["services"][name]["command"]
        queues = command[command.index("-Q") + 1].split(",")
        assert compose["services"][name]["healthcheck"]["test"][4:] == queues
        served += queues
    assert sorted(served) == sorted(QUEUES)


def test_a_mail_in_transit_is_not_cut_off(compose: dict[str, Any]) -> None:
    assert compose["services"]["worker"]["stop_grace_period"] == "11m"


def test_every_setting_can_be_set(compose: dict[str, Any]) -> None:
    """What the settings read, compose passes on and .env.example explains."""
    source = "".join((PRODUCT / "ucs" / name).read_text() for name in ("settings.py", "reads.py"))
    readers = r'(?:env\.\w+|seconds|switch|required|one_of|megabytes|days)\(\s*"([A-Z_]+)"'
    read = set(re.findall(readers, source)) - {"UCS_DATA_DIR"}
    assert "UCS_LEASE" in read
    for name in ("migrate", "web", "worker"):
        assert read <= set(compose["services"][name]["environment"]), name
    example = (PRODUCT / ".env.example").read_text()
    assert read <= set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


def test_only_the_proxy_says_for_whom_it_asks(compose: dict[str, Any]) -> None:
    """Of a trusted range each member may write what it likes, and so pass the lock-out of wrong passwords."""
    trusted = compose["services"]["web"]["environment"]["FORWARDED_ALLOW_IPS"].partition(":-")[2].rstrip("}")
    example = (PRODUCT / ".env.example").read_text()
    assert f"\nFORWARDED_ALLOW_IPS={trusted}\n" in example
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    assert trusted.split(",") == ["127.0.0.1", network["gateway"]]
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])


def test_values_come_from_the_environment(compose: dict[str, Any]) -> None:
    for name, value in compose["services"]["web"]["environment"].items():
        assert value.startswith(f"${{{name}:-"), name
    assert ".env" in (PRODUCT / ".gitignore").read_text().splitlines()
