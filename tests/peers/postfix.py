"""Debian's Postfix as the other operator: a private instance with folders and ports of its own.

Configuration goes in, a running mail server comes out; it knows no test and nothing of ours but
where certificates lie.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.check.services import die_with_parent, free_port

POSTFIX = Path("/usr/sbin/postfix")
MASTER = Path("/usr/lib/postfix/sbin/master")
START_SECONDS = 20
STOP_SECONDS = 10
# Every service that receiving, relaying, bouncing and local storage need; none in a chroot, as
# Debian's would be.
SERVICES = """\
127.0.0.1:{smtpd} inet n - n - - smtpd
127.0.0.1:{inject} inet n - n - - smtpd -o syslog_name=inject
  -o smtpd_tls_security_level=none -o smtpd_relay_restrictions=permit_mynetworks,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running instance: other operators come in at ``port``, its own users at ``inject``."""

    root: Path
    port: int
    inject: int
    domain: str

    @property
    def log(self):
        path = self.root / "postfix.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def wait_for_log(self, *words, seconds=20):
        """The first line of the log that holds every word."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.log.splitlines():
                if all(word in line for word in words):
                    return line
            time.sleep(0.05)
        raise AssertionError(f"Postfix said nothing of {words}:\n{self.log}")

    def letters(self, local_part):
        """The bytes of each letter in a user's maildir, as Postfix wrote them."""
        folder = self.root / "mail" / local_part / "new"
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []

    def wait_for_letter(self, local_part, *, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := self.letters(local_part):
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"No letter for {local_part}:\n{self.log}")


@contextlib.contextmanager
def running_postfix(
    *, domain, host, users, certificate, key, anchors, settings=None, services="", port=None
):
    """An instance that demands a certificate from who comes in and shows ``certificate`` both ways.

    ``services`` are added to its own, as lines of master.cf. Nothing of it is left when the block
    ends: its processes are stopped and its folder is removed.
    """
    if not POSTFIX.exists():
        raise RuntimeError("Postfix is missing: install the Debian package postfix.")
    if os.getuid() != 0:
        raise RuntimeError("Postfix starts as root only: run these tests as root.")
    # Beside pytest's folder, which Postfix's own user may not enter.
    root = Path(tempfile.mkdtemp(prefix="postfix-"))
    root.chmod(0o755)
    instance = Postfix(root, port or free_port(), free_port(), domain)
    values = _configuration(instance, domain=domain, host=host)
    values |= _identity(root, certificate=certificate, key=key, anchors=anchors)
    values |= settings or {}
    _write(instance, values, users, services)
    # Makes the queue's folders, with the owners they need.
    subprocess.run([POSTFIX, "-c", root / "etc", "check"], capture_output=True, check=True)
    with (root / "started.log").open("wb") as output:
        # Started without Debian's wrapper, the master process is our own child and ends with us.
        master = subprocess.Popen(
            [MASTER, "-c", root / "etc", "-d"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  (One prctl call.)
        )
    try:
        _wait_for_port(instance.inject, master, instance)
        yield instance
    finally:
        _stop(master)
        shutil.rmtree(root)


def _configuration(instance, *, domain, host):
    root = instance.root
    owner = pwd.getpwnam("postfix")
    return {
        "compatibility_level": "3.6",
        "queue_directory": root / "queue",
        "data_directory": root / "data",
        "maillog_file": root / "postfix.log",
        "maillog_file_prefixes": root,
        "mail_owner": "postfix",
        "setgid_group": "postdrop",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "myhostname": host,
        "mydestination": "",
        "local_transport": "error:no local users",
        "alias_maps": "",
        "alias_database": "",
        "biff": "no",
        # Routes only: a test asks no DNS.
        "smtp_dns_support_level": "disabled",
        "smtp_host_lookup": "native",
        "virtual_mailbox_domains": domain,
        "virtual_mailbox_base": root / "mail",
        "virtual_mailbox_maps": f"texthash:{root}/users",
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
        "virtual_minimum_uid": "100",
        "smtpd_relay_restrictions": "reject_unauth_destination",
    }


def _identity(root, *, certificate, key, anchors):
    """Mutual TLS both ways: ours is shown, theirs demanded and followed up to the anchors."""
    shutil.copy(certificate, root / "cert.pem")
    shutil.copy(key, root / "key.pem")
    (root / "key.pem").chmod(0o600)
    (root / "anchors.pem").write_bytes(
        b"".join(path.read_bytes() for path in sorted(anchors.glob("*.pem")))
    )
    return {
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_req_ccert": "yes",
        "smtpd_tls_ask_ccert": "yes",
        "smtpd_tls_received_header": "yes",
        "smtpd_tls_loglevel": "1",
        "smtpd_tls_cert_file": root / "cert.pem",
        "smtpd_tls_key_file": root / "key.pem",
        "smtpd_tls_CAfile": root / "anchors.pem",
        "smtp_tls_security_level": "secure",
        "smtp_tls_loglevel": "1",
        "smtp_tls_cert_file": root / "cert.pem",
        "smtp_tls_key_file": root / "key.pem",
        "smtp_tls_CAfile": root / "anchors.pem",
        "tls_append_default_CA": "no",
    }


def _write(instance, values, users, more_services):
    root = instance.root
    lines = [f"{name} = {value}\n" for name, value in values.items()]
    (root / "etc").mkdir()
    (root / "etc" / "main.cf").write_text("".join(lines), encoding="utf-8")
    services = SERVICES.format(smtpd=instance.port, inject=instance.inject)
    (root / "etc" / "master.cf").write_text(services + more_services, encoding="utf-8")
    boxes = [f"{user}@{instance.domain} {user}/\n" for user in users]
    (root / "users").write_text("".join(boxes), encoding="utf-8")
    for name, owner in (("queue", "root"), ("data", "postfix"), ("mail", "postfix")):
        folder = root / name
        folder.mkdir(mode=0o755)
        shutil.chown(folder, owner)


def _stop(master):
    master.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        master.wait(STOP_SECONDS)
    # What still works for it, and itself should it not have listened.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(master.pid, signal.SIGKILL)
    master.wait()


def _wait_for_port(port, master, instance):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and master.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    said = (instance.root / "started.log").read_text("utf-8") + instance.log
    raise RuntimeError(f"Postfix does not listen on port {port}: {said}")
