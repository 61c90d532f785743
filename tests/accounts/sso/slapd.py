"""A real directory: Debian's slapd in the foreground on loopback, with its own configuration in a folder of its own."""

import shutil
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.accounts.sso.saml_provider import pair

ROOT, SECRET = "cn=admin,dc=example,dc=org", "the directory's own"
BASE = "dc=example,dc=org"
PASSWORD = "correct horse battery"

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCACertificateFile {folder}/certificate.pem
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
suffix "{base}"
rootdn "{root}"
rootpw "{secret}"
directory {folder}/data
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous {anonymous}
"""

ENTRIES = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: uid=ada,ou=people,{BASE}
objectClass: inetOrgPerson
uid: ada
cn: Ada L
sn: L
displayName: Ada
mail: ada@example.org
userPassword: {PASSWORD}

dn: uid=eve,ou=people,{BASE}
objectClass: inetOrgPerson
uid: eve
cn: Eve
sn: E
mail: eve@example.org
userPassword: {PASSWORD}

dn: uid=plain,ou=people,{BASE}
objectClass: inetOrgPerson
uid: plain
cn: Nobody with an address
sn: P
userPassword: {PASSWORD}
"""


def missing() -> str:
    """What these tests need and this machine does not have, or ""."""
    programs = [name for name in ("slapd", "slapadd", "ldapmodify") if not _found(name)]
    if programs:
        return f"{', '.join(programs)} not installed. Install it, for example: sudo apt install slapd ldap-utils"
    packages = [name for name in ("ldap", "django_auth_ldap") if find_spec(name) is None]
    if packages:
        return f"{', '.join(packages)} not installed. Install it: pip install --no-deps -r requirements-ldap.txt"
    return ""


def _found(program: str) -> str | None:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")


@dataclass
class Directory:
    folder: Path
    url: str
    secure_url: str
    process: subprocess.Popen[bytes]

    @property
    def certificates(self) -> str:
        return str(self.folder / "certificate.pem")

    def change(self, ldif: str) -> None:
        command = [_found("ldapmodify"), "-H", self.url, "-x", "-D", ROOT, "-w", SECRET, "-c"]
        subprocess.run(command, input=ldif.encode(), check=True, capture_output=True, timeout=30)

    def group(self, name: str, *members: str, kind: str = "member") -> None:
        """Make the group, with these people in it; without any, take it away."""
        self.change(f"dn: cn={name},ou=groups,{BASE}\nchangetype: delete\n") if self._has(name) else None
        if not members:
            return
        if kind == "memberUid":
            body = "objectClass: posixGroup\ngidNumber: 7\n" + "".join(f"memberUid: {each}\n" for each in members)
        else:
            what = "groupOfUniqueNames" if kind == "uniqueMember" else "groupOfNames"
            people = "".join(f"{kind}: uid={each},ou=people,{BASE}\n" for each in members)
            body = f"objectClass: {what}\n{people}"
        self.change(f"dn: cn={name},ou=groups,{BASE}\nchangetype: add\n{body}cn: {name}\n")

    def _has(self, name: str) -> bool:
        command = [_found("ldapsearch"), "-H", self.url, "-x", "-D", ROOT, "-w", SECRET, "-LLL", "-b"]
        found = subprocess.run(
            [*command, f"ou=groups,{BASE}", f"(cn={name})", "dn"], check=True, capture_output=True, timeout=30
        )
        return b"dn:" in found.stdout

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


def start(folder: Path, port: int, secure_port: int, *, anonymous: str = "auth") -> Directory:
    key, certificate = pair("localhost")
    (folder / "key.pem").write_text(key)
    (folder / "certificate.pem").write_text(certificate)
    (folder / "data").mkdir()
    configuration = folder / "slapd.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, base=BASE, root=ROOT, secret=SECRET, anonymous=anonymous)
    )
    (folder / "entries.ldif").write_text(ENTRIES)
    subprocess.run(
        [_found("slapadd"), "-f", configuration, "-l", folder / "entries.ldif"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    url, secure_url = f"ldap://127.0.0.1:{port}", f"ldaps://127.0.0.1:{secure_port}"
    process = subprocess.Popen(
        [_found("slapd"), "-d", "0", "-h", f"{url} {secure_url}", "-f", configuration],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    directory = Directory(folder, url, secure_url, process)
    deadline = time.monotonic() + 20
    probe = [_found("ldapwhoami"), "-H", url, "-x", "-D", ROOT, "-w", SECRET]
    while subprocess.run(probe, check=False, capture_output=True, timeout=10).returncode:
        assert process.poll() is None, "slapd ended at once"
        assert time.monotonic() < deadline, "slapd did not start within 20 seconds"
        time.sleep(0.05)
    return directory
