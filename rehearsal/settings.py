"""Settings of the product's processes in a demo: everything as usual, but the internet is this world.

The only file that knows both sides. The world has to be running; its folder is UCS_DATA_DIR/rehearsal.
"""

import os

from django.core.exceptions import ImproperlyConfigured

from rehearsal import names
from ucs.settings import *  # noqa: F403
from ucs.settings import DATA_DIR, POLL_INTERVAL

try:
    _world = names.read_world(DATA_DIR / "rehearsal")
except names.NoWorldError as error:
    raise ImproperlyConfigured(str(error)) from error

names.install(names.ports_of(_world))

SSO_PRESETS = _world["presets"]
CA_BUNDLE = _world["ca_bundle"]
ALLOW_PRIVATE_HOSTS = True  # the provider and the mail hosts are on loopback
if "UCS_POLL_INTERVAL" not in os.environ:
    POLL_INTERVAL = 10  # a demo is watched; a minute is long then
