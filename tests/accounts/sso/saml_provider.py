"""A SAML identity provider in a process of its own, with xmlsec; well-behaved, unless `misbehave.json` says otherwise.

Started as `python -m tests.accounts.sso.saml_provider FOLDER PORT`. The browser says who signs in, as `?as=…`.
"""

import base64
import html
import json
import sys
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"


def pair(name: str) -> tuple[str, str]:
    """A private key and a certificate that it signed itself, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return private, certificate.public_bytes(Encoding.PEM).decode()


def ip(address: str) -> Any:
    import ipaddress

    return ipaddress.ip_address(address)


def metadata(url: str, certificate: str) -> str:
    body = "".join(line for line in certificate.splitlines() if "-----" not in line)
    return f"""<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{url}/metadata">
  <md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{url}/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>"""


class Provider:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.key, self.certificate = pair("the provider")
        self.other_key, self.other_certificate = pair("the provider")

    def told(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def answer(self, request: etree._Element, person: str) -> tuple[str, str]:
        """Where to post to, and the response, as XML."""
        bad = self.told("misbehave.json")
        said = {"uid": person, "email": person, "groups": [], **self.told("people.json").get(person, {})}
        # How long ago somebody gave the password here, who is let in without it since, unless that is forbidden.
        remembered = said.pop("remembered", 0)
        is_asked = request.get("ForceAuthn") == "true" and not bad.get("ignores force")
        proved = 0 if is_asked else -remembered
        acs = request.get("AssertionConsumerServiceURL")
        facts = {
            "audience": request.find(f"{{{SAML}}}Issuer").text,
            "recipient": acs,
            "destination": acs,
            "in_response_to": request.get("ID"),
            "confirms": request.get("ID"),
            "issuer": f"{self.url}/metadata",
            "begins": -60,
            "ends": 300,
            "proved": proved,
            "status": Names.STATUS_SUCCESS,
            "how": "assertion",
            "algorithm": Names.RSA_SHA256,
            "digest": Names.SHA256,
            **bad,
        }
        assertion = self._assertion(said, facts)
        if facts["how"] in {"assertion", "both"}:
            assertion = self._signed(assertion, facts)
        if encrypt_for := facts.get("encrypt for"):
            assertion = encrypted(assertion, encrypt_for)
        response = self._response(assertion, facts)
        if facts["how"] in {"response", "both"}:
            response = self._signed(response, facts)
        if replaced := facts.get("tamper"):
            response = response.replace(*replaced)
        if trick := facts.get("wrap"):
            response = wrapped(response, trick, self._assertion({**said, "uid": "evil", "email": facts["evil"]}, facts))
        return acs, facts.get("prologue", "") + response

    def _signed(self, xml: str, facts: dict[str, Any]) -> str:
        key, certificate = self.key, self.certificate
        if facts.get("key") == "other":
            key, certificate = self.other_key, self.other_certificate
        done = OneLogin_Saml2_Utils.add_sign(xml, key, certificate, False, facts["algorithm"], facts["digest"])
        return done.decode() if isinstance(done, bytes) else done

    def _assertion(self, said: dict[str, Any], facts: dict[str, Any]) -> str:
        values = {name: value if isinstance(value, list) else [value] for name, value in said.items() if name != "uid"}
        attributes = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{html.escape(str(each))}</saml:AttributeValue>" for each in each_value)
            + "</saml:Attribute>"
            for name, each_value in values.items()
            if each_value and each_value != [None]
        )
        audience = facts["audience"]
        restriction = (
            f"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>"
            if audience
            else ""
        )
        confirmation = attribute("NotOnOrAfter", at(facts["ends"]) if facts.get("has end", True) else None)
        confirmation += attribute("Recipient", facts["recipient"]) + attribute("InResponseTo", facts["confirms"])
        statement = f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>" if attributes else ""
        return (
            f'<saml:Assertion xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{at(0)}">'
            f"<saml:Issuer>{facts['issuer']}</saml:Issuer><saml:Subject>"
            f'<saml:NameID Format="{said.pop("format", PERSISTENT)}">{said["uid"]}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="{facts.get("method", Names.CM_BEARER)}">'
            f"<saml:SubjectConfirmationData{confirmation}/></saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{at(facts["begins"])}" NotOnOrAfter="{at(facts["ends"])}">{restriction}'
            f'</saml:Conditions><saml:AuthnStatement AuthnInstant="{at(facts["proved"])}"><saml:AuthnContext>'
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>"
            f"</saml:AuthnStatement>{statement}</saml:Assertion>"
        )

    def _response(self, assertion: str, facts: dict[str, Any]) -> str:
        return (
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0"'
            f' IssueInstant="{at(0)}"{attribute("Destination", facts["destination"])}'
            f"{attribute('InResponseTo', facts['in_response_to'])}><saml:Issuer>{facts['issuer']}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{facts["status"]}"/></samlp:Status>{assertion}</samlp:Response>'
        )


def wrapped(response: str, trick: str, forged: str) -> str:
    """Put a forged assertion where a careless reader looks, and the signed one where a careless checker finds it."""
    begin, end = response.index("<saml:Assertion"), response.index("</saml:Assertion>") + len("</saml:Assertion>")
    before, signed, after = response[:begin], response[begin:end], response[end:]
    signed_id = etree.fromstring(signed).get("ID")
    same_id = forged.replace(etree.fromstring(forged).get("ID"), signed_id)
    if trick == "two, forged first":
        return before + forged + signed + after
    if trick == "two, forged last":
        return before + signed + forged + after
    if trick == "signed in the extensions":
        status = before.index("<samlp:Status>")
        extensions = f"<samlp:Extensions>{signed}</samlp:Extensions>"
        return before[:status] + extensions + before[status:] + forged + after
    if trick == "signed in the advice":
        advice = f"<saml:Advice>{signed}</saml:Advice><saml:AuthnStatement"
        return before + forged.replace("<saml:AuthnStatement", advice, 1) + after
    signature_begin, signature_end = signed.index("<ds:Signature"), signed.index("</ds:Signature>")
    signature = signed[signature_begin:signature_end]
    bare = signed[:signature_begin] + signed[signature_end + len("</ds:Signature>") :]
    base = same_id if trick == "same id, signed in the signature" else forged
    inside = f"{signature}<ds:Object>{bare}</ds:Object></ds:Signature>"
    return before + base.replace("</saml:Issuer>", f"</saml:Issuer>{inside}", 1) + after


def encrypted(assertion: str, certificate: str) -> str:
    import xmlsec

    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM, None))
    root = etree.fromstring(f'<saml:EncryptedAssertion xmlns:saml="{SAML}"/>')
    root.append(etree.fromstring(assertion))
    data = xmlsec.template.encrypted_data_create(
        root, xmlsec.Transform.AES256, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    key_info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    key = xmlsec.template.add_encrypted_key(key_info, xmlsec.Transform.RSA_OAEP)
    xmlsec.template.encrypted_data_ensure_cipher_value(key)
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, 256, xmlsec.KeyDataType.SESSION)
    # Encrypting replaces the assertion by the data, in its place.
    context.encrypt_xml(data, root[0])
    return etree.tostring(root).decode()


def at(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def attribute(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{html.escape(value)}"'


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    provider = Provider(folder, f"http://127.0.0.1:{port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/metadata":
                return self._send(metadata(provider.url, provider.certificate), "application/samlmetadata+xml")
            request = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"]), -15))
            acs, response = provider.answer(request, query.get("as", "new@example.org"))
            encoded = base64.b64encode(response.encode()).decode()
            return self._send(
                f'<body onload="document.forms[0].submit()"><form method="post" action="{html.escape(acs)}">'
                f'<input name="SAMLResponse" value="{encoded}"><input name="RelayState" value=""><button>Go</button>'
                "</form>"
            )

        def _send(self, text: str, kind: str = "text/html") -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    server.serve_forever()


if __name__ == "__main__":
    main()
