"""An Ollama behind a proxy that speaks TLS and asks for a password."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from llms import catalogue, chat, embeddings, errors
from llms.ollama.http import tls
from llms.requests import ChatRequest, Turn
from tests.ollama_server import OllamaServer, expected_text

REQUEST = ChatRequest("llama3.2:3b", [Turn("user", "Why?")])


def make_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "proxy.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


class Proxy:
    """Relays bytes both ways and remembers what the clients said."""

    def __init__(self, certificate: Path, port: int) -> None:
        self.said = b""
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, up = await asyncio.open_connection("127.0.0.1", self._port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, remember: bool) -> None:
            try:
                while data := await source.read(65_536):
                    if remember:
                        self.said += data
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass  # either side may go at any moment
            finally:
                sink.close()

        await asyncio.gather(pump(reader, up, remember=True), pump(upstream, writer, remember=False))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


@pytest.fixture
def proxy(ollama: OllamaServer, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls.cache_clear()
    proxy = Proxy(certificate, ollama.port)
    settings.OLLAMA_BASE_URL = f"https://me:se%40cret@127.0.0.1:{proxy.port}"
    yield proxy
    proxy.close()
    tls.cache_clear()


def test_models_answers_and_embeddings_come_over_tls_with_the_password(proxy: Proxy, ollama: OllamaServer) -> None:
    assert catalogue.resolve("").key == "ollama/llama3.2:3b"
    ollama.script(tokens_per_second=500)
    assert asyncio.run(chat.complete(REQUEST)) == expected_text("Why?", 120)
    assert len(embeddings.embed_query("ollama/nomic-embed-text:latest", "why")) == 768
    assert proxy.said.count(b"Authorization: Basic bWU6c2VAY3JldA==") == 3


def test_closing_and_time_outs_work_over_tls(proxy: Proxy, ollama: OllamaServer, settings: Any) -> None:
    settings.NEXT_TOKEN_TIMEOUT = 0.3
    ollama.script(stall_at=5)
    with pytest.raises(errors.TooSlow):
        asyncio.run(chat.complete(REQUEST))
    ollama.wait_for(lambda: ollama.chats[0].outcome == "closed")


def test_a_certificate_nobody_vouches_for_is_refused(
    proxy: Proxy, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    tls.cache_clear()
    with pytest.raises(errors.ServerUnreachable):
        catalogue.resolve("llama3.2:3b")
    assert ollama.requests == []
