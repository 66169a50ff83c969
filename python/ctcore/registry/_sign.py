"""Signatures of versions in the OpenSSF model-signing format, v1.0, with a key and without a network.

A sigstore bundle holds a DSSE envelope, which holds an in-toto statement that names every file with its digest:
https://github.com/sigstore/model-transparency/blob/main/docs/model_signing_format.md. What is written here is accepted
by ``model_signing verify key``, and the other way round.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from ctcore.errors import ArgumentError, RefusedError
from ctcore.registry._store import canonical, sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

_PREDICATE = "https://model_signing/signature/v1.0"
_PAYLOAD = "application/vnd.in-toto+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def sign(files: Mapping[str, bytes], *, name: str, key: bytes) -> bytes:
    """Sign a model's files with an elliptic-curve private key (PEM); give the sigstore bundle."""
    private = _private(key)
    payload = canonical(_statement(files, name))
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    public = private.public_key()
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    signature = private.sign(_encoded(payload), ec.ECDSA(_hash(public)))
    return canonical(
        {
            "mediaType": _BUNDLE,
            "verificationMaterial": {
                "publicKey": {"hint": sha256(public.public_bytes(encoding, form))},
                "tlogEntries": [],
            },
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": _PAYLOAD,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    )


def verify_signature(files: Mapping[str, bytes], bundle: bytes, *, key: bytes) -> None:
    """Prove that a bundle was signed with the key of a public key (PEM), and that it names exactly these files.

    Raises :class:`RefusedError`, naming what is wrong.
    """
    public = _public(key)
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    try:
        envelope = json.loads(bundle)["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        (signature,) = envelope["signatures"]
        if envelope["payloadType"] != _PAYLOAD:
            raise RefusedError(f"the signature is of a payload of type {envelope['payloadType']!r}")
        public.verify(base64.b64decode(signature["sig"], validate=True), _encoded(payload), ec.ECDSA(_hash(public)))
        statement = json.loads(payload)
        listed = {each["name"]: each["digest"] for each in statement["predicate"]["resources"]}
        algorithms = {each["algorithm"] for each in statement["predicate"]["resources"]}
        (subject,) = statement["subject"]
        whole = subject["digest"]["sha256"]
    except InvalidSignature as error:
        raise RefusedError("the signature does not belong to this key and these words") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"the signature is no sigstore bundle of a model: {error!r}") from error
    if statement["predicateType"] != _PREDICATE or algorithms - {"sha256"}:
        raise RefusedError(f"the signature is of {statement['predicateType']!r} with {sorted(algorithms)}")
    digests = {path: sha256(data) for path, data in files.items()}
    wrong = sorted({path for path, _ in listed.items() ^ digests.items()})
    if wrong:
        raise RefusedError(f"the signature is of other files: {', '.join(wrong)}")
    if whole != _whole(digests):
        raise RefusedError("the signature's own digests contradict each other")


def _statement(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    digests = {path: sha256(data) for path, data in files.items()}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": _whole(digests)}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": [{"name": path, "algorithm": "sha256", "digest": digests[path]} for path in sorted(digests)],
        },
    }


def _whole(digests: Mapping[str, str]) -> str:
    return sha256(b"".join(bytes.fromhex(digests[path]) for path in sorted(digests)))


def _encoded(payload: bytes) -> bytes:
    """Give DSSE's pre-authentication encoding, which is what is signed."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _hash(key: EllipticCurvePublicKey) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - an extra

    kinds: dict[int, type[HashAlgorithm]] = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}
    if key.curve.key_size not in kinds:
        raise ArgumentError(f"key: the curve must be P-256, P-384 or P-521, found {key.curve.name}")
    return kinds[key.curve.key_size]()


def _private(key: bytes) -> EllipticCurvePrivateKey:
    serialization, ec = _cryptography()
    try:
        found = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"key: is no private key in PEM without a password: {error}") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ArgumentError(f"key: must be of an elliptic curve, found {type(found).__name__}")
    private: EllipticCurvePrivateKey = found
    return private


def _public(key: bytes) -> EllipticCurvePublicKey:
    serialization, ec = _cryptography()
    try:
        found = serialization.load_pem_public_key(key)
    except ValueError as error:
        raise ArgumentError(f"key: is no public key in PEM: {error}") from error
    if not isinstance(found, ec.EllipticCurvePublicKey):
        raise ArgumentError(f"key: must be of an elliptic curve, found {type(found).__name__}")
    public: EllipticCurvePublicKey = found
    return public


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        raise ArgumentError("key: signing needs an extra: pip install 'ctcore[sign]'") from error
    return serialization, ec
