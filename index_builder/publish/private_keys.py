"""Private keys, which sign: PEM files of a folder, or keys of AWS KMS, which never leave it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.signer import AWSSigner, CryptoSigner, Key, Signer, SSlibKey
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata

from cloud_sync.trust import MAX_ROOT_BYTES
from components.core.errors import BadContentError, FormatError, UnavailableError
from components.files import write_whole

PASSPHRASE = "LOOKALIKE_KEY_PASSPHRASE"  # noqa: S105  # the name of the variable that holds it
KMS, FILE = "awskms:", "file:"


def make_key(kind: str, folder: Path, name: str) -> tuple[str, Key]:
    """A new file ``<name>.pem`` in ``folder`` where ``kind`` is "file", else the key of KMS that it names.

    Gives where the private key is from now on, and the public one; raises BadContentError or UnavailableError.
    """
    if kind == "file":
        return f"{FILE}{name}.pem", _new_file(folder / f"{name}.pem")
    if not kind.startswith(KMS):
        raise BadContentError(f"A key cannot be {kind!r}; expected file, or awskms: with the key's id, ARN or alias.")
    with _asking_kms(kind):
        return AWSSigner.import_(kind.removeprefix(KMS))


def signer_of(uri: str, folder: Path, public: SSlibKey) -> Signer:
    """Who signs with the private key at ``uri``; raises UnavailableError, or FormatError where it is not that one."""
    if uri.startswith(KMS):
        with _asking_kms(uri):
            return AWSSigner(uri.removeprefix(KMS), public)
    return _file_signer(folder / uri.removeprefix(FILE), public)


def sign(metadata: Metadata[Any], signers: Iterable[Signer]) -> None:
    """Add the signatures; raises UnavailableError where a key of KMS cannot be used."""
    for signer in signers:
        with _asking_kms(f"The key {signer.public_key.keyid[:12]}"):
            metadata.sign(signer, append=True)


def read_part(path: Path) -> bytes:
    """A file of a folder of keys; raises UnavailableError, or FormatError where it is too large."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be read ({error.strerror}): it is part of the channel's keys."
        ) from error
    if len(data) > MAX_ROOT_BYTES:
        raise FormatError(f"{path} is too large to be part of a channel's keys.")
    return data


def write_part(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file of a folder of keys, whole or not at all; raises UnavailableError."""
    before = os.umask(0o077)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)  # for its owner alone, who may also enter it
        os.umask(0o777 & ~mode)
        write_whole(path, data, durable=True)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror}): choose another folder.") from error
    finally:
        os.umask(before)


@contextmanager
def _asking_kms(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, SecureSystemsError, UnsignedMetadataError, ValueError) as error:
        reason = error.__cause__ or error
        raise UnavailableError(
            f"{what} cannot be used ({reason}): it must be an asymmetric key for signing (ECC_NIST_P256), and you need "
            "kms:GetPublicKey and kms:Sign, credentials and AWS_DEFAULT_REGION."
        ) from error


def _new_file(path: Path) -> Key:
    signer = CryptoSigner.generate_ecdsa()
    secret = _passphrase()
    private = load_pem_private_key(signer.private_bytes, None)
    encryption = BestAvailableEncryption(secret) if secret else NoEncryption()
    write_part(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption), mode=0o600)
    return signer.public_key


def _file_signer(path: Path, public: SSlibKey) -> Signer:
    pem, secret = read_part(path), _passphrase()
    if b"ENCRYPTED" not in pem.partition(b"\n")[0]:
        secret = None
    try:
        return CryptoSigner(load_pem_private_key(pem, secret), public)
    except TypeError as error:
        raise UnavailableError(f"{path} is locked by a passphrase: put it into {PASSPHRASE}.") from error
    except (ValueError, UnsupportedAlgorithm, SecureSystemsError) as error:
        raise FormatError(
            f"{path} cannot be read ({error}): it is another key than the root names, is damaged, or {PASSPHRASE} "
            "holds another passphrase."
        ) from error


def _passphrase() -> bytes | None:
    return os.environ.get(PASSPHRASE, "").encode() or None
