"""A private Dovecot 2.3: IMAP and POP3 with every kind of TLS, any user, mail dropped straight into Maildir.

Every user name exists with the password `PASSWORD`; a name is its own empty mailbox, so tests don't meet.
With `oauth`, tokens are accepted too, and the provider says whose they are.
"""

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from tests.product import eventually
from tests.servers.authority import Authority
from tests.servers.ports import HOST, free_ports, wait_for

PASSWORD = "open-sesame"
BINARY = "/usr/sbin/dovecot"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Ports:
    """`imap` and `pop3` offer STARTTLS, unless the server was started without TLS."""

    imap: int
    imaps: int
    pop3: int
    pop3s: int


class Dovecot:
    """One server in a folder of its own.

    :param authority: issues its certificate.
    :param names: what the certificate says; loopback when empty.
    :param tls: False for a server that knows only clear text.
    :param oauth: where the provider tells whose token it is, such as its userinfo URL.
    :param oauth_name: the name of the address in that answer.
    :param introspection: `oauth` is where tokens are introspected (RFC 7662), with the name and the secret of
        this server before the host.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        names: tuple[str, ...] = (),
        tls: bool = True,
        oauth: str = "",
        oauth_name: str = "email",
        introspection: bool = False,
    ) -> None:
        self.host = HOST
        self.ports = Ports(*free_ports(4))
        self.tls = tls
        self.oauth = oauth
        self.oauth_name = oauth_name
        self.introspection = introspection
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)  # its unprivileged children pass through
        self._certificate = authority.certificate(*names)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again with the same mail."""
        (self.folder / "run").mkdir(exist_ok=True)
        self._mail_folder().mkdir(exist_ok=True)
        os.chown(self._mail_folder(), *_mail_owner())
        how = INTROSPECTION if self.introspection else OAUTH
        (self.folder / "oauth.conf").write_text(how.format(url=self.oauth, name=self.oauth_name))
        (self.folder / "dovecot.conf").write_text(self._configuration())
        self._process = subprocess.Popen(
            [BINARY, "-F", "-c", str(self.folder / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, to be ended as a whole
        )
        try:
            wait_for(self.ports.imap)
            wait_for(self.ports.pop3)
        except TimeoutError as error:
            self.stop()
            raise RuntimeError(f"Dovecot didn't start:\n{self.log()}") from error

    def stop(self) -> None:
        """Stop, cutting every connection; mail stays."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            with suppress(
                ProcessLookupError
            ):  # its children would talk to their clients for ten seconds more
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None

    def remove(self) -> None:
        """Stop and forget all mail."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What the server wrote."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def new_user(self, name: str = "box") -> str:
        """An address whose mailbox nobody has used."""
        return f"{name}{next(_numbers)}@company.example"

    def drop(self, user: str, raw: bytes, *, folder: str = "INBOX", at: datetime | None = None) -> None:
        """Deliver a mail at once, as an MDA does; `at` becomes its INTERNALDATE."""
        maildir = self._maildir(user, folder)
        name = f"{time.time_ns()}.{next(_numbers)}.test"
        temporary = maildir / "tmp" / name
        temporary.write_bytes(raw)
        os.chown(temporary, *_mail_owner())
        if at:
            os.utime(temporary, (at.timestamp(), at.timestamp()))
        temporary.rename(maildir / "new" / name)

    def mails(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """The raw mails that lie in a folder now, oldest first."""
        maildir = self._maildir(user, folder)
        files = [*(maildir / "cur").iterdir(), *(maildir / "new").iterdir()]
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.name)]

    def flags(self, user: str, folder: str = "INBOX") -> list[str]:
        """Maildir's flag letters of each mail, such as "S" for seen; oldest first."""
        maildir = self._maildir(user, folder)
        files = [*(maildir / "cur").iterdir(), *(maildir / "new").iterdir()]
        return [path.name.partition(":2,")[2] for path in sorted(files, key=lambda path: path.name)]

    @contextmanager
    def person(self, user: str) -> Iterator[IMAPClient]:
        """Somebody else at the mailbox: a phone, a mail program."""
        with IMAPClient(self.host, self.ports.imap, ssl=False) as person:
            person.login(user, PASSWORD)
            yield person

    def delete(self, user: str, uid: int) -> bytes:
        """Let a person delete a mail of the INBOX; return what it was."""
        with self.person(user) as person:
            person.select_folder("INBOX")
            raw = bytes(person.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"])
            person.delete_messages([uid])
            person.expunge()
        return raw

    def make_folder(self, user: str, folder: str) -> None:
        """Make an empty folder."""
        self._doveadm("mailbox", "create", "-u", user, folder)

    def change_uidvalidity(self, user: str, value: int, folder: str = "INBOX") -> None:
        """Declare every UID of a folder void."""
        self._doveadm("mailbox", "update", "--uid-validity", str(value), "-u", user, folder)

    def kick(self, user: str) -> None:
        """Cut the connections of one user; when this returns they are cut."""
        self._doveadm("kick", user, check=False)
        eventually(lambda: user not in self._doveadm("who", "-1", user, check=False), "nobody is connected")

    def logins(self, user: str, awaited: int = 0) -> int:
        """How often a user has signed in, as soon as it is as often as awaited: the log hears of it last."""
        eventually(lambda: self._logins(user) >= awaited, f"{user} has signed in {awaited} times")
        return self._logins(user)

    def _logins(self, user: str) -> int:
        return self.log().count(f"Login: user=<{user}>")

    def _doveadm(self, *words: str, check: bool = True) -> str:
        command = ["doveadm", "-c", str(self.folder / "dovecot.conf"), *words]
        return subprocess.run(command, check=check, capture_output=True, text=True).stdout

    def _mail_folder(self) -> Path:
        return self.folder / "mail"

    def _maildir(self, user: str, folder: str) -> Path:
        home = self._mail_folder() / user / "Maildir"
        maildir = home if folder == "INBOX" else home / f".{folder}"
        for part in ("", "cur", "new", "tmp"):
            _make_for_mail(maildir / part)
        return maildir

    def _configuration(self) -> str:
        me = getpass.getuser()
        root = os.geteuid() == 0
        uid, gid = _mail_owner()
        certificate = self._certificate
        return CONFIGURATION.format(
            folder=self.folder,
            internal_user="dovecot" if root else me,
            login_user="dovenull" if root else me,
            uid=uid,
            gid=gid,
            ports=self.ports,
            password=PASSWORD,
            ssl="yes" if self.tls else "no",
            tls_port=self.ports if self.tls else Ports(self.ports.imap, 0, self.ports.pop3, 0),
            certificate=certificate.chain,
            key=certificate.key,
            oauth=OAUTH_PASSDB.format(folder=self.folder) if self.oauth else "",
        )


@contextmanager
def running(authority: Authority, **options: Any) -> Iterator[Dovecot]:
    """A started server, removed at the end; `options` as for `Dovecot`."""
    server = Dovecot(authority, **options)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _mail_owner() -> tuple[int, int]:
    """Dovecot refuses to handle mail as root."""
    if os.geteuid():
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _make_for_mail(folder: Path) -> None:
    for path in [*reversed(folder.parents), folder]:
        if not path.exists():
            path.mkdir(mode=0o700)
            os.chown(path, *_mail_owner())


OAUTH = """
introspection_mode = auth
introspection_url = {url}
username_attribute = {name}
"""

INTROSPECTION = """
introspection_mode = post
introspection_url = {url}
username_attribute = {name}
active_attribute = active
active_value = true
"""

OAUTH_PASSDB = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth.conf
}}
"""

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}
instance_name = {folder}
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap pop3
default_internal_user = {internal_user}
default_login_user = {login_user}
default_internal_group = $default_internal_user
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = 1000
mailbox_idle_check_interval = 1 sec
imap_idle_notify_interval = 2 mins
pop3_lock_session = yes
pop3_uidl_format = %v.%u
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
auth_cache_size = 0
auth_username_chars =
auth_master_user_separator = *
ssl = {ssl}
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_dh =
namespace inbox {{
  inbox = yes
  separator = /
}}
{oauth}
passdb {{
  driver = static
  args = password={password}
  mechanisms = plain login
}}
passdb {{
  driver = static
  master = yes
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  inet_listener imap {{
    port = {ports.imap}
  }}
  inet_listener imaps {{
    port = {tls_port.imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  service_count = 0
  inet_listener pop3 {{
    port = {ports.pop3}
  }}
  inet_listener pop3s {{
    port = {tls_port.pop3s}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""
