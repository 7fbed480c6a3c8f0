"""Alerts on what happens to single listings, and on what holds many of them."""

from __future__ import annotations

from typing import Final

from deploy.sources.alert import Alert, Example, happened

DELIVERY: Final = "inventory_sync_delivery"


def listing_alerts() -> tuple[Alert, ...]:
    """Each from a metric of delivery that is zero while all is well."""
    return (
        _above_zero(
            "FallNotApplied",
            "falls_failing",
            "page",
            "{{ $labels.channel }}: a lower number was not taken, or not sent, for so long that zero is wanted",
            "fall-not-applied",
        ),
        _above_zero(
            "FallNotSeen",
            "falls_late",
            "ticket",
            "{{ $labels.channel }}: a lower number is not shown past its deadline; see what keeps it",
            "fall-not-applied",
        ),
        _above_zero(
            "RiseNotSeen",
            "rises_late",
            "ticket",
            "{{ $labels.channel }}: a higher number was accepted and is not shown past its deadline",
            "rise-not-seen",
        ),
        _above_zero(
            "ListingFailing",
            "listings_failing",
            "ticket",
            "{{ $labels.channel }}: a listing failed three times in a row while others go through",
            "listing-failing",
        ),
        _above_zero(
            "DeadLetterFlood",
            "dead_letter_flood",
            "page",
            "{{ $labels.channel }}: too many writes are refused for good; its rises are held, zeros go on",
            "dead-letter-flood",
        ),
        _above_zero(
            "MassChangeHeld",
            "mass_change_held",
            "page",
            "{{ $labels.channel }}: the input would zero so many listings at once that they are held a while",
            "mass-change-held",
        ),
        _above_zero(
            "ChannelNotLive",
            "channel_not_live",
            "page",
            "{{ $labels.channel }}: its account is not set as our writes need it, so nothing is written",
            "channel-not-live",
        ),
        _above_zero(
            "ZeroEndsListings",
            "channel_zero_ends_listings",
            "page",
            "{{ $labels.channel }}: zero would end its listings: what falls to it is left or ends, as its settings say",
            "zero-ends-listings",
        ),
        Alert(
            "FeedStuck",
            happened(f'{DELIVERY}_feeds_total{{outcome="stuck"}}', "channel", "30m"),
            "0m",
            "ticket",
            "{{ $labels.channel }}: a feed is not done in its time; its listings go singly",
            "feed-stuck",
            Example(
                {f'{DELIVERY}_feeds_total{{channel="ebay-us",outcome="stuck"}}': "_x10 1x80"},
                "12m",
                ("9m", "60m"),
                {"channel": "ebay-us"},
            ),
        ),
    )


def _above_zero(name: str, metric: str, severity: str, summary: str, runbook: str) -> Alert:
    """Fires as soon as any worker's gauge of a channel is above zero."""
    return Alert(
        name,
        f"sum by (channel) ({DELIVERY}_{metric}) > 0",
        "0m",
        severity,
        summary,
        runbook,
        Example(
            {f'{DELIVERY}_{metric}{{channel="ebay-us"}}': "0x5 1x10 0x10"},
            "10m",
            ("4m", "20m"),
            {"channel": "ebay-us"},
        ),
    )
