#!/bin/sh
# The tests talk to a real Dovecot and a real browser. Install them when we may, else say how.
set -eu

missing=""
command -v dovecot >/dev/null || [ -x /usr/sbin/dovecot ] || missing="$missing dovecot-core dovecot-imapd dovecot-pop3d"
command -v chromium >/dev/null || [ -x /usr/bin/chromium ] || missing="$missing chromium"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "The tests need these programs, install them first: sudo apt-get install$missing" >&2
	exit 1
fi
echo "Installing$missing …"
# Debian starts a server as soon as it is installed; at run level 1 it does not.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -q=2
# shellcheck disable=SC2086
apt-get install -q=2 --no-install-recommends $missing >/dev/null
