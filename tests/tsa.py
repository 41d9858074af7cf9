"""A time-stamp authority of its own for tests, run by `openssl ts` in a folder."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import pytest

OPENSSL: Final = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")

# Without `certs =`: the order in which openssl would then write the certificates is not DER's, and
# is refused.
_CONFIG: Final = """\
[ts]
default_tsa = it
[it]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[tsa]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = {purpose}
"""


@dataclass(frozen=True)
class Authority:
    """An authority: a root, and a certificate under it that signs time stamps."""

    folder: Path

    @classmethod
    def create(
        cls, folder: Path, name: str = "Test TSA", *, purpose: str = "critical, timeStamping"
    ) -> Self:
        """Make one in an empty folder."""
        folder.mkdir(parents=True)
        made = cls(folder)
        (folder / "ts.cnf").write_text(_CONFIG.format(folder=folder, purpose=purpose), "utf-8")
        (folder / "serial").write_text("01\n", "ascii")
        new = ["-newkey", "rsa:2048", "-nodes", "-config", "/dev/null"]
        made.openssl("req", "-x509", *new, "-keyout", "root.key", "-out", "plain.pem",
                     "-subj", f"/O={name}/CN={name} root", "-days", "3650")  # fmt: skip
        made.openssl("x509", "-in", "plain.pem", "-signkey", "root.key", "-days", "3650",
                     "-clrext", "-extfile", "ts.cnf", "-extensions", "root", "-out", "root.pem")  # fmt: skip
        made.openssl("req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", f"/CN={name}")
        made.openssl("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key",
                     "-CAcreateserial", "-days", "3000", "-extfile", "ts.cnf",
                     "-extensions", "tsa", "-out", "tsa.pem")  # fmt: skip
        return made

    def openssl(self, *arguments: str | Path) -> bytes:
        """Run openssl in the folder and return what it prints."""
        assert OPENSSL is not None
        command = [OPENSSL, *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def reply(self, request: bytes) -> bytes:
        """Answer a request."""
        (self.folder / "q.tsq").write_bytes(request)
        self.openssl("ts", "-reply", "-config", "ts.cnf", "-section", "it", "-queryfile", "q.tsq",
                     "-out", "r.tsr")  # fmt: skip
        return (self.folder / "r.tsr").read_bytes()

    @property
    def root(self) -> Path:
        """The file of the root certificate."""
        return self.folder / "root.pem"
