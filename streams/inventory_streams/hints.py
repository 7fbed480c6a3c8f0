"""What the evidence of a hint begins with that we have given ourselves: it asks for a read, and is nobody's word."""

from __future__ import annotations

from typing import Final

DELIVERY_HINT: Final = "delivery: "
RECONCILE_HINT: Final = "reconcile: "
OWN_HINTS: Final = (DELIVERY_HINT, RECONCILE_HINT)
