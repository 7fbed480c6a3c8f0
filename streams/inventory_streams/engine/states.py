"""The states of one partition in memory: the bytes of their changelog records, and the few in use decoded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from inventory_domain.errors import BadRecord, InvariantBroken
from inventory_domain.identifiers import Sku
from inventory_domain.sku_state import SkuState


class SkuStates:
    """SKU to state. Holds exactly what the changelog holds, so it is changed only after a commit."""

    def __init__(self, decode: Callable[[bytes], SkuState], decoded_max: int) -> None:
        """`decoded_max` states are kept decoded, those used last; decoding them all costs ten times the memory."""
        self._decode = decode
        self._decoded_max = decoded_max
        self._encoded: dict[Sku, bytes] = {}
        self._decoded: OrderedDict[Sku, SkuState] = OrderedDict()

    def __len__(self) -> int:
        return len(self._encoded)

    def __contains__(self, sku: Sku) -> bool:
        return sku in self._encoded

    def skus(self) -> list[Sku]:
        """The SKUs of which something is known now."""
        return list(self._encoded)

    def get(self, sku: Sku) -> SkuState | None:
        """The state, decoded when it is first used.

        Raises:
            InvariantBroken: the changelog has a state that cannot be read; no input may be blamed for that.
        """
        state = self._decoded.get(sku)
        if state is not None:
            self._decoded.move_to_end(sku)
            return state
        encoded = self._encoded.get(sku)
        if encoded is None:
            return None
        state = self.peek(sku, encoded)
        self._remember(sku, state)
        return state

    def peek(self, sku: Sku, encoded: bytes | None = None) -> SkuState:
        """The state without keeping it decoded, for a look at every SKU there is."""
        kept = self._decoded.get(sku)
        if kept is not None:
            return kept
        try:
            return self._decode(self._encoded[sku] if encoded is None else encoded)
        except BadRecord as bad:
            raise InvariantBroken(f"the state of SKU {sku} in the changelog cannot be read: {bad}") from bad

    def load(self, sku: Sku, encoded: bytes | None) -> None:
        """Take over a record of the changelog; None is a tombstone."""
        self._decoded.pop(sku, None)
        if encoded is None:
            self._encoded.pop(sku, None)
        else:
            self._encoded[sku] = encoded

    def pack(self) -> None:
        """Make the names anew, after a recovery: side by side they pin no memory that former records left free.

        Python gives small memory back in pieces of 1 MB, and names lie among values that have gone.
        """
        self._encoded = {Sku(sku.encode().decode()): encoded for sku, encoded in self._encoded.items()}

    def put(self, sku: Sku, state: SkuState, encoded: bytes | None) -> None:
        """Take over a state that was committed, with its bytes; None where it was forgotten."""
        self.load(sku, encoded)
        if encoded is not None:
            self._remember(sku, state)

    def _remember(self, sku: Sku, state: SkuState) -> None:
        self._decoded[sku] = state
        if len(self._decoded) > self._decoded_max:
            self._decoded.popitem(last=False)
