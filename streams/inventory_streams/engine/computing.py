"""What a batch does to the SKUs it touches: pure, on copies, so that nothing is seen before it is durable (rule 13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final

from inventory_domain.acceptance import check_product
from inventory_domain.commanded import commanded
from inventory_domain.commands import KitKind, KitSold, Override, Restate, SaleSettled, SkuCommand
from inventory_domain.decisions import decide
from inventory_domain.errors import BadRecord, InvalidRecord
from inventory_domain.identifiers import ChannelId, EventId, ListingId, Marketplace, Sku
from inventory_domain.kit_exchange import concerns_others, exchange, recomposed, without_parts_that_left
from inventory_domain.kits import NO_LINKS, check_kit
from inventory_domain.live_times import live_sample_ms
from inventory_domain.overrides import in_force
from inventory_domain.overshown import overshown
from inventory_domain.refills import NO_SALES
from inventory_domain.sku_state import HELD_RECORDS_MAX, HeldRecord, SeenExposure, SkuState
from inventory_domain.stock import KitOrder, without_expired
from inventory_domain.targets import Target
from inventory_domain.values import replace
from inventory_streams.engine.changing import StockChanges
from inventory_streams.engine.dead_letters import DeadLetter
from inventory_streams.engine.guarding import Zeroed
from inventory_streams.engine.moving import Moves
from inventory_streams.engine.records import InputRecord, key_of, same_as_key, value_of
from inventory_streams.engine.settings import PARTITION_HELD_MAX
from inventory_streams.engine.values import ALONE, Computed, RecordEffect, Rules, StateView, Surroundings
from inventory_streams.kafka.partitioner import partition_of

REMEMBERED: Final = attrgetter("owes_rise", "high_velocity", "scarce")
NO_LISTINGS: Final[frozenset[ListingId]] = frozenset()


class Work:
    """One computation: hand it records in order and SKUs to look at, then finish. Touches nothing but itself."""

    def __init__(
        self,
        rules: Rules,
        states: StateView,
        partition: int,
        applied: Mapping[str, int],
        *,
        now_ms: int,
        catching_up: bool,
        beside: Surroundings = ALONE,
    ) -> None:
        """`applied` is the position per topic up to which records were applied before; what is below it is a replay."""
        self._beside = beside
        self._held = beside.held
        self._live: list[tuple[ChannelId, int]] = []
        self._rules = rules
        self._durable = states
        self._partition = partition
        self._applied = applied
        self.now_ms = now_ms
        self.catching_up = catching_up
        self._states: dict[Sku, SkuState] = {}
        self._causes: dict[Sku, str] = {}
        self._restate: dict[Sku, set[ListingId]] = {}
        self._kit_orders: dict[Sku, set[KitOrder]] = {}
        self._commands: list[SkuCommand] = []
        self._dead_letters: list[DeadLetter] = []
        self._refused: list[DeadLetter] = []  # of the changes, as they were done: a SKU after the other
        self._stock = StockChanges(rules, self._state, self._known, self._hold, self._change, self._causes, now_ms)
        self._effects: Counter[tuple[str, RecordEffect]] = Counter()
        self._released: Counter[RecordEffect] = Counter()
        self._newest_record_ms: int | None = None
        self._decided: set[Sku] = set()
        self._targets: list[Target] = []
        self._zeroed = Zeroed()
        self._moves = Moves(beside.given_up)
        self._forgotten: list[tuple[Marketplace, ListingId]] = []
        self._uncounted: dict[Sku, int] = {}
        self._owing: dict[Sku, bool] = {}
        self.woken: dict[Sku, str] = {}  # what it was asked to look at, with the causes
        topics = rules.topics
        self._handlers: dict[str, Callable[[InputRecord], RecordEffect]] = {
            topics.catalog_products: self._product,
            topics.sku_commands: self._command,
        }

    def record(self, record: InputRecord) -> None:
        """Apply one record. A bad one becomes a dead letter and changes nothing else."""
        self.records((record,))

    def records(self, records: Sequence[InputRecord]) -> None:
        """Apply records of one topic in order, each as `record` does; at least one. Changes wait until `settling`."""
        topic = records[0].topic
        new = records
        if records[0].offset < (applied := self._applied.get(topic, 0)):
            new = [record for record in records if record.offset >= applied]
            self._effects[topic, RecordEffect.DUPLICATE] += len(records) - len(new)
        if topic == self._rules.topics.inventory_changes:
            self._stock.records(new)
        else:
            self._records(topic, new)
        times = [record.timestamp_ms for record in new]
        if times and (self._newest_record_ms is None or max(times) > self._newest_record_ms):
            self._newest_record_ms = max(times)

    def _records(self, topic: str, records: Iterable[InputRecord]) -> None:
        handle = self._handlers.get(topic, self._exposure)
        effects: list[RecordEffect] = []
        for record in records:
            try:
                effects.append(handle(record))
            except BadRecord as bad:
                self._dead_letters.append(DeadLetter.of(record, bad))
                effects.append(RecordEffect.DEAD_LETTERED)
        for effect, count in Counter(effects).items():
            self._effects[topic, effect] += count

    def _change(self, record: InputRecord) -> None:
        """Apply a change that is not plain."""
        try:
            effect = self._stock.record(record)
        except BadRecord as bad:
            self._refused.append(DeadLetter.of(record, bad))
            effect = RecordEffect.DEAD_LETTERED
        self._effects[record.topic, effect] += 1

    def settling(self) -> Iterator[None]:
        """Do the changes that wait for those of their SKU; whoever asks may do something else between two parts."""
        yield from self._stock.parts()

    def wake(self, sku: Sku, cause: str) -> None:
        """Look at a SKU again because time has passed, a rise is owed or the policy is another one."""
        self.woken[sku] = cause
        state = self._state(sku)
        if state is None:
            return
        since = state.unknown_since_ms
        if state.held and since is not None and since + self._rules.unknown_sku_grace_ms <= self.now_ms:
            self._give_up_held(state)
            return
        stock = without_expired(state.stock, self.now_ms)
        override = in_force(state.override, self.now_ms)
        if stock is not state.stock or override is not state.override:
            self._states[sku] = replace(state, stock=stock, override=override)
        if override is not state.override:
            cause = "override-ended"
        elif state.product is not None and state.product.sale_stops_at_ms is not None:
            cause = cause if state.product.is_sold(self.now_ms) else "sale-stopped"
        self._causes.setdefault(sku, cause)

    def undecided(self) -> list[Sku]:
        """The SKUs that were touched and are not decided yet. Not to be asked before the last record."""
        for _ in self.settling():
            pass
        touched = (*self._states, *self._stock.open_skus(), *self._causes)
        return [sku for sku in dict.fromkeys(touched) if sku not in self._decided]

    def decide(self, skus: Iterable[Sku]) -> None:
        """Decide these SKUs, each once, so that thousands are decided in parts. They may not be touched afterwards."""
        for sku in skus:
            self._decide(sku)
            self._decided.add(sku)
            self._hold_exposure_against_stock(sku)

    def _decide(self, sku: Sku) -> None:
        state = without_parts_that_left(self._known(sku))
        cause = self._causes.get(sku)
        if cause is None and not any(target.withdrawn for target in state.targets.values()):
            return  # nothing that a target depends on: an exposure was noted, or a record held
        if cause in (self.woken.get(sku), "override-ended", "sale-stopped") and cause not in (None, "caught-up"):
            state = replace(state, changed_at_ms=max(state.changed_at_ms, self.now_ms))  # by no record: by the time
        restate = self._restate.get(sku)
        decision = decide(
            state,
            self._rules.policy,
            self.now_ms,
            catching_up=self.catching_up,
            cause=cause or "exposure",
            restate=frozenset(restate) if restate else NO_LISTINGS,
            demand=self._beside.demand(sku),
            silent=self._beside.silent,
            newest_version=self._beside.newest_version,
            sold=self._stock.own_sales.get(sku, NO_SALES),
        )
        if self._moves:
            work = (self._state, self._states, self._targets, self._forgotten)
            self._moves.end_former(state, decision.targets, *work)
        self._zeroed.note(state, decision.targets)
        self._targets.extend(decision.targets)
        self._forgotten.extend(decision.forgotten)
        self._uncounted[sku] = len(decision.uncounted)
        kept = self._told_others(decision.state)
        self._owing[sku] = kept.owes_rise
        remembers = REMEMBERED(kept) != REMEMBERED(state)
        if sku in self._states or decision.targets or decision.forgotten or remembers or kept is not decision.state:
            self._states[sku] = kept

    def finish(self) -> Computed:
        """Decide every SKU that was touched and is not decided yet, and say all that follows; the last it does."""
        self.decide(self.undecided())
        return self.computed()

    def computed(self) -> Computed:
        """All that follows, once every SKU that was touched is decided; the last it does."""
        targets = self._zeroed.guarded(self._targets, self._states, self._beside.guards)
        if self._stock.plain:
            self._effects[self._rules.topics.inventory_changes, RecordEffect.APPLIED] += self._stock.plain
        refused = sorted(self._refused, key=lambda letter: letter.record.offset)  # as the records came
        # It refers to itself, so all that it has of its batch would wait for Python's collector (memory.py).
        self._handlers.clear()
        self._stock.let_go()
        return Computed(
            states=self._states,
            targets=tuple(targets),
            forgotten=tuple(self._forgotten),
            left=self._moves.left,
            commands=tuple(self._commands),
            dead_letters=(*refused, *self._dead_letters),
            words=self._stock.words,
            beating=frozenset(self._stock.beating),
            sales=tuple(self._stock.sales),
            zeroed=self._zeroed.by_channel(),
            live=tuple(self._live),
            uncounted=self._uncounted,
            owing=self._owing,
            effects=self._effects,
            released=self._released,
            forgotten_ids=self._stock.forgotten_ids,
            newest_record_ms=self._newest_record_ms,
            computed_at_ms=self.now_ms,
        )

    def _hold_exposure_against_stock(self, sku: Sku) -> None:
        state = self._states.get(sku)
        if state is None or not (state.exposures or state.overshown_listing_units or state.overshown_sku_units):
            return
        found = overshown(state, self._rules.policy, self.now_ms, self._beside.silent)
        was = (state.overshown_listing_units, state.overshown_sku_units)
        if (found.listing_units, found.sku_units) != was:
            self._states[sku] = replace(
                state, overshown_listing_units=found.listing_units, overshown_sku_units=found.sku_units
            )

    def _told_others(self, after: SkuState) -> SkuState:
        """The state once its kits and components were told; their commands go out with it (rule 13)."""
        sku = after.sku
        before = self._durable.get(sku)
        if not concerns_others(before, after):
            return after
        done = exchange(
            before,
            after,
            self.now_ms,
            heard=self._kit_orders.get(sku, set()),
            cause=self._causes.get(sku, ""),
            closed=self._rules.policy.closed_locations,
            silent=self._beside.silent,
            catching_up=self.catching_up,
        )
        for other, kind in done.commands:
            number = len(self._commands)
            command_id = EventId(f"{self._partition}-{self.now_ms}-{number}")
            self._commands.append(SkuCommand(command_id, other, self.now_ms, f"sku {sku}"[:200], kind))
        return done.state

    def _state(self, sku: Sku) -> SkuState | None:
        changed = self._stock.close(sku)
        if changed is not None:
            self._states[sku] = changed
        return self._states.get(sku) or self._durable.get(sku)

    def _known(self, sku: Sku) -> SkuState:
        """The SKU's state, begun anew when there is none; refused when the SKU lives in another partition (rule 7)."""
        state = self._state(sku)
        if state is not None:
            return state
        rightful = partition_of(sku, self._rules.partitions)
        if rightful != self._partition:
            raise InvalidRecord(
                "wrong-partition",
                f"SKU {sku} came in partition {self._partition} and belongs to {rightful} of {self._rules.partitions}:"
                " the producer needs the murmur2 partitioner on the SKU",
            )
        return SkuState(sku)

    def _touch(self, state: SkuState, changed_at_ms: int, cause: str) -> None:
        changed = max(state.changed_at_ms, min(changed_at_ms, self.now_ms))
        self._states[state.sku] = replace(state, changed_at_ms=changed)
        self._causes[state.sku] = cause

    def _hold(self, state: SkuState, record: InputRecord) -> RecordEffect:
        """Keep a change whose product is not known yet: the catalog may be the slower of the two topics."""
        if len(state.held) >= HELD_RECORDS_MAX:
            raise InvalidRecord(
                "unknown-sku",
                f"SKU {state.sku} is not in the catalog and {HELD_RECORDS_MAX} changes of it wait already",
            )
        if self._held >= PARTITION_HELD_MAX:
            raise InvalidRecord(
                "unknown-sku",
                f"SKU {state.sku} is not in the catalog and {PARTITION_HELD_MAX} changes of such SKUs wait already",
            )
        self._held += 1
        held = HeldRecord(
            record.topic, record.partition, record.offset, record.timestamp_ms, record.key, value_of(record)
        )
        since = state.unknown_since_ms if state.unknown_since_ms is not None else self.now_ms
        self._states[state.sku] = replace(state, held=(*state.held, held), unknown_since_ms=since)
        return RecordEffect.HELD

    def _give_up_held(self, state: SkuState) -> None:
        waited_s = self._rules.unknown_sku_grace_ms / 1000
        error = f"SKU {state.sku} is not in the catalog, also not within {waited_s:g} s after this change came"
        self._dead_letters.extend(DeadLetter(InputRecord.of_held(held), "unknown-sku", error) for held in state.held)
        self._released[RecordEffect.DEAD_LETTERED] += len(state.held)
        self._held -= len(state.held)
        self._states[state.sku] = replace(state, held=(), unknown_since_ms=None)

    def _product(self, record: InputRecord) -> RecordEffect:
        if record.value is None:
            return self._product_gone(Sku(key_of(record)), record)
        product = self._rules.decoders.product(record.value)
        sku = same_as_key(record, product.sku, "sku")
        check_product(product, self._rules.policy)
        state = self._known(sku)
        check_kit(product, state.links or NO_LINKS)
        held = state.held
        self._held -= len(held)
        self._moves.leaves_out(state, product)
        after = replace(recomposed(state, product, self._durable.get(sku)), held=(), unknown_since_ms=None)
        self._touch(after, record.timestamp_ms, "product")
        for kept in held:
            self._release(sku, InputRecord.of_held(kept))
        return RecordEffect.APPLIED

    def _product_gone(self, sku: Sku, record: InputRecord) -> RecordEffect:
        """The SKU is no longer sold: its listings get a zero, and its stock is unknown again, not zero."""
        state = self._state(sku)
        if state is None or state.product is None:
            return RecordEffect.SUPERSEDED
        self._moves.leaves_out(state, None)
        self._touch(recomposed(state, None), record.timestamp_ms, "product-removed")
        return RecordEffect.APPLIED

    def _release(self, sku: Sku, record: InputRecord) -> None:
        """Apply a change that waited for its product."""
        try:
            effect = self._stock.released(sku, record)
        except BadRecord as bad:
            self._dead_letters.append(DeadLetter.of(record, bad))
            effect = RecordEffect.DEAD_LETTERED
        self._released[effect] += 1

    def _command(self, record: InputRecord) -> RecordEffect:
        command = self._rules.decoders.command(value_of(record))
        sku = same_as_key(record, command.sku, "sku")
        kind = command.kind
        if not isinstance(kind, Restate):
            return self._commanded(sku, command, kind)
        state = self._state(sku)
        target = state.targets.get(kind.listing_id) if state else None
        if state is None or target is None or target.version > kind.judged_version:
            return RecordEffect.SUPERSEDED
        self._touch(state, command.issued_at_ms, "restate")
        self._restate.setdefault(sku, set()).add(kind.listing_id)
        return RecordEffect.APPLIED

    def _commanded(self, sku: Sku, command: SkuCommand, kind: KitKind | Override | SaleSettled) -> RecordEffect:
        state = self._known(sku)
        if isinstance(kind, KitSold):
            self._kit_orders.setdefault(sku, set()).add((kind.kit, kind.order_id))
        done = commanded(state, command, kind, self.now_ms)
        if done.state is state and not (isinstance(kind, KitSold) and kind.units):
            return RecordEffect.SUPERSEDED
        self._touch(done.state, command.issued_at_ms, done.cause)
        if done.refused is not None:
            raise done.refused
        return RecordEffect.APPLIED

    def _exposure(self, record: InputRecord) -> RecordEffect:
        if record.value is None:
            return RecordEffect.APPLIED  # a decision dropped it when the listing was forgotten
        exposure = self._rules.decoders.exposure(record.value)
        listing_id = ListingId(same_as_key(record, exposure.listing_id, "listing id"))
        state = self._state(exposure.sku)
        if state is None or not state.knows(listing_id):
            return RecordEffect.SUPERSEDED
        confirmed = exposure.confirmed
        seen = SeenExposure(
            exposure.units(), confirmed.quantity if confirmed else None, confirmed.version if confirmed else None
        )
        before, target = state.exposures.get(listing_id), state.targets.get(listing_id)
        took_ms = live_sample_ms(exposure, before, target)
        if took_ms is not None and target is not None:
            self._live.append((target.channel, took_ms))
        if before != seen:
            self._states[state.sku] = replace(state, exposures={**state.exposures, listing_id: seen})
        return RecordEffect.APPLIED
