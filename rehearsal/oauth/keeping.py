"""Clients and refresh tokens in a small file, so that yesterday's consent is still good today."""

import json
import os
from pathlib import Path
from typing import Any

from rehearsal.oauth.store import Client, Grant, Store


def load(store: Store, file: Path) -> None:
    """Fill the store from the file, if there is one. Clients given by name are not overwritten.

    :raises ValueError: the file is not one of ours.
    """
    try:
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        return
    for client_id, secret in kept["clients"].items():
        store.clients.setdefault(client_id, Client(client_id, secret))
    for entry in kept["grants"]:
        client, account = store.client(entry["client_id"]), store.account(entry["account"])
        if client and account:
            store.grants.append(Grant(client, account, entry["scope"], entry["refresh_token"]))


def save(store: Store, file: Path) -> None:
    """Write the file if anything in it changed; whole or not at all, readable by its owner only."""
    text = json.dumps(_kept(store), indent=1, sort_keys=True)
    if file.exists() and file.read_text() == text:
        return
    draft = file.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    draft.replace(file)


def _kept(store: Store) -> dict[str, Any]:
    return {
        "clients": {
            client.client_id: client.secret for client in store.clients.values() if not client.redirect_uris
        },
        "grants": [
            {
                "client_id": grant.client.client_id,
                "account": grant.account.email,
                "scope": grant.scope,
                "refresh_token": grant.refresh_token,
            }
            for grant in store.grants
            if grant.refresh_token and not grant.revoked
        ],
    }
