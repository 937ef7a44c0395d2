"""A real mosquitto with TLS and client certificates in the place of AWS IoT Core, and a small cloud behind it."""

import contextlib
import datetime
import ipaddress
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud_sync.drain import outbox_topic
from components.child import start_child
from components.core.outbox_documents import KINDS
from components.nucleus.broker import Endpoint, MqttBroker
from tests.campaign.processes import free_port
from tests.cloud_kit import Store
from tests.nucleus_support import wait_for

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
CLOUD = "cloud"

# As an IoT policy: a device speaks and hears under its own name alone.
_RULES = f"""
pattern write lookalike/%u/+
pattern write $aws/things/%u/#
pattern read lookalike/%u/acks
user {CLOUD}
topic readwrite #
topic readwrite $aws/#
"""
_CONFIGURATION = """
listener {port} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
acl_file {folder}/rules
max_queued_messages 100000
user root
"""


class Mosquitto:
    """A broker that knows its devices by their certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._authority = _Authority(folder)
        self._authority.issue("server", "localhost")
        (folder / "rules").write_text(_RULES)
        (folder / "rules").chmod(0o600)
        (folder / "mosquitto.conf").write_text(_CONFIGURATION.format(port=self.port, folder=folder))
        self._process: subprocess.Popen[bytes] | None = None

    def endpoint(self, thing: str) -> Endpoint:
        """How ``thing`` gets in."""
        if not (self.folder / f"{thing}.pem").exists():
            self._authority.issue(thing, thing)
        files = {"ca": "ca.pem", "certificate": f"{thing}.pem", "key": f"{thing}.key"}
        return Endpoint(host="localhost", port=self.port, **{name: self.folder / file for name, file in files.items()})

    def start(self) -> None:
        assert MOSQUITTO is not None
        log = (self.folder / "mosquitto.log").open("ab")
        command = [MOSQUITTO, "-c", str(self.folder / "mosquitto.conf")]
        self._process = start_child(command, stdout=log, stderr=log)
        log.close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Cloud:
    """Subscribes to what all devices send, keeps it, and acknowledges it as the IoT rule does."""

    def __init__(self, mosquitto: Mosquitto, *, drops: float = 0.0, seed: int = 0) -> None:
        self.store, self.topics = Store(), set[str]()
        self.messages: list[bytes] = []
        """Every payload that came on any topic."""
        self.drops = drops
        """The share of batches that are lost on their way, and of acknowledgements."""
        self.acknowledges = True
        self._chance = random.Random(seed)
        self._batches = {outbox_topic("+", kind).rpartition("/")[2] for kind in KINDS}
        self._broker = MqttBroker(mosquitto.endpoint(CLOUD), CLOUD, self._receive)
        self._broker.subscribe("#")
        self._broker.subscribe("$aws/#")
        wait_for(lambda: self._broker.connected, "the cloud is connected to mosquitto")

    def _receive(self, topic: str, payload: bytes) -> None:
        kind = topic.rpartition("/")[2]
        if kind == "acks":
            return
        self.topics.add(topic)
        if kind not in self._batches:
            self.messages.append(payload)
        elif self._chance.random() >= self.drops:
            self.messages.append(payload)
            acknowledgement = self.store.keep(payload)
            if self.acknowledges and self._chance.random() >= self.drops:
                self._broker.publish(*acknowledgement, 1)

    def close(self) -> None:
        self._broker.close()


@contextlib.contextmanager
def cloud(folder: Path, *, drops: float = 0.0) -> Iterator[tuple[Mosquitto, Cloud]]:
    """A broker that runs and the cloud behind it."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (Debian: mosquitto)")
    mosquitto = Mosquitto(folder)
    mosquitto.start()
    try:
        made = Cloud(mosquitto, drops=drops)
        with contextlib.closing(made):
            yield mosquitto, made
    finally:
        mosquitto.stop()


class _Authority:
    """Signs certificates, for a few days."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key, self._name = folder, ec.generate_private_key(ec.SECP256R1()), _name("Test CA")
        certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, name: str) -> None:
        """``file``.pem and ``file``.key for who is called ``name``."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate = self._signed(_name(name), key, x509.SubjectAlternativeName([x509.DNSName(name), address]))
        (self._folder / f"{file}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        formats = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
        (self._folder / f"{file}.key").write_bytes(key.private_bytes(*formats, serialization.NoEncryption()))

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=1),
            not_valid_after=now + datetime.timedelta(days=7),
        )
        return builder.add_extension(extension, critical=True).sign(self._key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
