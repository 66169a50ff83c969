"""The model registry: a plain folder that any number of processes may use at once.

Blobs are named by their sha256. One hash-chained log of numbered, create-only entries is the truth; ``production`` is a
fold of that log, so two productions cannot be written down. An entry is acknowledged after it and everything that it
names are on disk.
"""

from ctcore.registry._collect import Collection
from ctcore.registry._fold import Rollout, State, Version, fold
from ctcore.registry._lease import Lease
from ctcore.registry._log import Entry
from ctcore.registry._objectstore import check_store
from ctcore.registry._registry import Registry, open_store
from ctcore.registry._sign import sign, verify_signature
from ctcore.registry._store import LocalStore, Store, canonical, seal, sha256, unseal
from ctcore.registry._verify import VerifyReport

__all__ = [
    "Collection",
    "Entry",
    "Lease",
    "LocalStore",
    "Registry",
    "Rollout",
    "State",
    "Store",
    "VerifyReport",
    "Version",
    "canonical",
    "check_store",
    "fold",
    "open_store",
    "seal",
    "sha256",
    "sign",
    "unseal",
    "verify_signature",
]
