"""Signatures in the OpenSSF model-signing format."""

from __future__ import annotations

import base64
import json
import os
import subprocess

import pytest

from ctcore.errors import ArgumentError, RefusedError
from ctcore.registry import Registry, canonical, sign, verify_signature

pytest.importorskip("cryptography", reason="the extra sign is not installed")
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

FILES = {"model.txt": b"tree\n", "columns.json": b"{}", "a.b": b""}


def pair(curve=None, *, private=None):
    private = private or ec.generate_private_key(curve or ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()), public


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_what_is_signed_is_proven_and_nothing_else(curve):
    private, public = pair(curve)
    bundle = sign(FILES, name="m-1", key=private)
    verify_signature(FILES, bundle, key=public)
    for other in (FILES | {"model.txt": b"tree"}, FILES | {"more": b""}, {"model.txt": b"tree\n"}, {}):
        with pytest.raises(RefusedError, match="of other files"):
            verify_signature(other, bundle, key=public)
    with pytest.raises(RefusedError, match="does not belong to this key"):
        verify_signature(FILES, bundle, key=pair(curve)[1])


def test_a_bundle_that_was_changed_is_refused():
    private, public = pair()
    stored = json.loads(sign(FILES, name="m-1", key=private))
    envelope = stored["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    forged = canonical(statement | {"predicateType": "https://slsa.dev/provenance/v1"})
    for changed in (
        {"payload": base64.b64encode(forged).decode()},
        {"payload": "!"},
        {"payloadType": "text/plain"},
        {"signatures": []},
        {"signatures": [{"sig": base64.b64encode(b"0").decode()}]},
    ):
        bundle = canonical(stored | {"dsseEnvelope": envelope | changed})
        with pytest.raises(RefusedError):
            verify_signature(FILES, bundle, key=public)
    for bundle in (b"", b"{}", b"[]", b"not json"):
        with pytest.raises(RefusedError, match="no sigstore bundle"):
            verify_signature(FILES, bundle, key=public)
    refused = 0
    bundle = canonical(stored)
    start, end = bundle.index(b'"payload":"') + 11, bundle.index(b'","payloadType"')
    for position in range(start, end):
        changed = bytearray(bundle)
        changed[position] = ord("A") if changed[position] != ord("A") else ord("B")
        with pytest.raises(RefusedError):
            verify_signature(FILES, bytes(changed), key=public)
        refused += 1
    assert refused > 500


def test_keys_that_cannot_sign_are_said():
    with pytest.raises(ArgumentError, match="no private key in PEM"):
        sign(FILES, name="m-1", key=b"nonsense")
    private, public = pair(private=ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(ArgumentError, match="must be of an elliptic curve"):
        sign(FILES, name="m-1", key=private)
    with pytest.raises(ArgumentError, match="must be of an elliptic curve"):
        verify_signature(FILES, b"{}", key=public)
    with pytest.raises(ArgumentError, match="P-256, P-384 or P-521"):
        sign(FILES, name="m-1", key=pair(ec.SECP224R1())[0])


def test_a_version_is_signed_in_the_registry(tmp_path):
    registry = Registry(tmp_path / "registry")
    private, public = pair()
    registry.register("m", FILES, run="r", kind="test")
    with pytest.raises(RefusedError, match="is not signed"):
        registry.verify_signature("m", 1, key=public)
    registry.sign("m", 1, key=private)
    registry.verify_signature("m", 1, key=public)
    with pytest.raises(RefusedError, match="no signature of this key"):
        registry.verify_signature("m", 1, key=pair()[1])
    second = pair()
    registry.sign("m", 1, key=second[0])
    for key in (public, second[1]):
        registry.verify_signature("m", 1, key=key)


def test_the_model_signing_tool_agrees(tmp_path):
    """Opt-in: ``CTCORE_MODEL_SIGNING`` is the path of the ``model_signing`` command of OpenSSF's own package."""
    tool = os.environ.get("CTCORE_MODEL_SIGNING")
    if not tool:
        pytest.skip("CTCORE_MODEL_SIGNING does not name the model_signing command")
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    private, public = pair()
    (tmp_path / "private.pem").write_bytes(private)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "ours.sig").write_bytes(sign(FILES, name="model", key=private))

    def run(*arguments):
        done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    check = ("verify", "key", folder, "--signature", tmp_path / "ours.sig", "--public_key", tmp_path / "public.pem")
    code, text = run(*check)
    assert code == 0, text
    signed = ("sign", "key", folder, "--signature", tmp_path / "theirs.sig", "--private_key", tmp_path / "private.pem")
    code, text = run(*signed)
    assert code == 0, text
    verify_signature(FILES, (tmp_path / "theirs.sig").read_bytes(), key=public)
    (folder / "model.txt").write_bytes(b"changed")
    assert run(*check)[0] != 0
