"""AWS KMS as a publisher sees it, with real keys: moto's does not sign a digest that it is given."""

import base64
import contextlib
import http.server
import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.meanwhile import served


class _Handler(http.server.BaseHTTPRequestHandler):
    keys: dict[str, ec.EllipticCurvePrivateKey]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.keys.get(asked["KeyId"])
        if key is None:
            self._answer(400, {"__type": "NotFoundException", "message": f"no key {asked['KeyId']}"})
        elif self.headers["X-Amz-Target"] == "TrentService.GetPublicKey":
            public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            document = {"PublicKey": base64.b64encode(public).decode(), "SigningAlgorithms": ["ECDSA_SHA_256"]}
            self._answer(200, {"KeyId": asked["KeyId"], **document})
        else:
            assert asked["MessageType"] == "DIGEST"
            signature = key.sign(base64.b64decode(asked["Message"]), ec.ECDSA(Prehashed(SHA256())))
            self._answer(200, {"KeyId": asked["KeyId"], "Signature": base64.b64encode(signature).decode()})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def kms_stub(*names: str) -> Iterator[str]:
    """The address of a KMS with a key P-256 of each name."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in names}
    with served(type("Handler", (_Handler,), {"keys": keys})) as address:
        yield address
