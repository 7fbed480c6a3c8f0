"""Reads eBay's notifications: signed with a key of eBay's own, which its API gives by the id that is named."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from inventory_adapters.bodies import mapping, text
from inventory_adapters.http import Json
from inventory_adapters.messages import BYTES_MAX, TOO_LARGE, TOO_OLD, UNREADABLE, from_base64, is_late, json_object
from inventory_adapters.messages import notice_id as id_of
from inventory_adapters.waits import time_ms
from inventory_domain.bulk import CallFailed
from inventory_domain.clock import Clock
from inventory_domain.signals import ListingChanged, Message, Notice, NoticeRefused

AGE_S_MAX: Final = 48 * 3_600.0
KEY_LIFE_S: Final = 3_600.0
KEYS_MAX: Final = 100
KEY_ID_LENGTH_MAX: Final = 200
FETCHES_PER_WINDOW: Final = 5  # anybody can name an id that does not exist, and each would cost a call
FETCH_WINDOW_S: Final = 60.0

# eBay sends again what is answered so, and stops after many.
NOT_GENUINE: Final = NoticeRefused(reason="not-genuine", status=412)
KEY_UNKNOWN: Final = NoticeRefused(reason="key-unknown", status=412)
KEY_UNREACHABLE: Final = NoticeRefused(reason="key-unreachable", status=503)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key of eBay's, as its API gives it."""

    key: ec.EllipticCurvePublicKey
    digest: HashAlgorithm


FetchKey = Callable[[str], Awaitable[Json | CallFailed]]


def challenge_response(challenge_code: str, verification_token: str, endpoint: str) -> str:
    """What proves that an endpoint is of the one who has registered it."""
    return hashlib.sha256(f"{challenge_code}{verification_token}{endpoint}".encode()).hexdigest()


class KeyCache:
    """eBay's public keys by their id, for an hour each. Safe for concurrent calls."""

    def __init__(self, fetch: FetchKey, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, tuple[PublicKey, float]] = {}
        self._fetched_s: list[float] = []
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> PublicKey | NoticeRefused:
        """The key with this id, or why there is none."""
        now_s = self._clock.monotonic_s()
        known = self._keys.get(key_id)
        if known is not None and now_s < known[1]:
            return known[0]
        async with self._lock:  # however many messages name a new key, it is fetched once
            known = self._keys.get(key_id)
            if known is not None and now_s < known[1]:
                return known[0]
            if known is None and not self._may_fetch(now_s):
                return KEY_UNREACHABLE
            return await self._fetched(key_id, now_s)

    def _may_fetch(self, now_s: float) -> bool:
        self._fetched_s = [at for at in self._fetched_s if now_s - at < FETCH_WINDOW_S]
        if len(self._fetched_s) >= FETCHES_PER_WINDOW:
            return False
        self._fetched_s.append(now_s)
        return True

    async def _fetched(self, key_id: str, now_s: float) -> PublicKey | NoticeRefused:
        answer = await self._fetch(key_id)
        if isinstance(answer, CallFailed):
            return KEY_UNKNOWN if answer.kind == "rejected" else KEY_UNREACHABLE
        key = public_key(answer)
        if key is None:
            return KEY_UNKNOWN
        if len(self._keys) >= KEYS_MAX and key_id not in self._keys:
            del self._keys[next(iter(self._keys))]
        self._keys[key_id] = (key, now_s + KEY_LIFE_S)
        return key


def public_key(body: Json) -> PublicKey | None:
    """The key of an answer, nothing where it is none that we know to use. eBay writes it without line ends."""
    said = mapping(body)
    digests: dict[str, HashAlgorithm] = {"SHA1": SHA1(), "SHA256": SHA256()}
    digest = digests.get((text(said.get("digest")) or "").upper().replace("-", ""))
    pem = text(said.get("key")) or ""
    for frame in ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"):
        pem = pem.replace(frame, "")
    try:
        key = load_der_public_key(b64decode("".join(pem.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    if digest is None or not isinstance(key, ec.EllipticCurvePublicKey):
        return None
    return PublicKey(key, digest)


async def read(message: Message, keys: KeyCache, now_ms: int) -> Notice | NoticeRefused:
    """What a notification says, once its signature has been checked over the very bytes that came."""
    if len(message.body) > BYTES_MAX:
        return TOO_LARGE
    named = _signature(message.headers.get("x-ebay-signature"))
    if named is None:
        return NOT_GENUINE
    key_id, signature = named
    key = await keys.key(key_id)
    if isinstance(key, NoticeRefused):
        return key
    try:
        key.key.verify(signature, message.body, ec.ECDSA(key.digest))
    except InvalidSignature:
        return NOT_GENUINE
    body = json_object(message.body)
    return UNREADABLE if body is None else _notice(body, message, now_ms)


def _signature(header: str | None) -> tuple[str, bytes] | None:
    """The id of the key and the signature that the header names. The digest is the key's, whatever the header says."""
    raw = from_base64(header)
    try:
        said = mapping(json.loads(raw or b""))
    except (ValueError, RecursionError):
        return None
    key_id, signature = text(said.get("kid")), from_base64(text(said.get("signature")))
    algorithm = (text(said.get("alg")) or "").lower()
    if algorithm != "ecdsa" or signature is None or not key_id:
        return None
    if len(key_id) > KEY_ID_LENGTH_MAX or not key_id.isascii() or not key_id.isprintable():
        return None
    return key_id, signature


def _notice(body: dict[str, Json], message: Message, now_ms: int) -> Notice | NoticeRefused:
    notification = mapping(body.get("notification"))
    occurred_at_ms = time_ms(text(notification.get("eventDate")) or "")
    if is_late(occurred_at_ms, now_ms, AGE_S_MAX):
        return TOO_OLD
    data = mapping(notification.get("data"))
    # The payloads are not in eBay's published files: what names a listing in its other APIs is looked for.
    names = (("sku", "sku"), ("offerId", "offer_id"), ("listingId", "listing_id"))
    ids = {ours: value for theirs, ours in names if (value := text(data.get(theirs)))}
    return Notice(
        notice_id=id_of(text(notification.get("notificationId")), message.body),
        topic=text(mapping(body.get("metadata")).get("topic")) or "unknown",
        occurred_at_ms=int(occurred_at_ms) if occurred_at_ms is not None else None,
        signals=(ListingChanged(marketplace_ids=ids),) if ids else (),
    )
