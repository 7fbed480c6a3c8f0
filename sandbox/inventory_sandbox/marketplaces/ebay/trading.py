"""The Trading API, in XML: the preference that keeps a listing at zero, and what the seller has on sale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from inventory_sandbox.marketplaces.assortment import EBAY_SELLER, ListingKind
from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.ebay.rules import EbayRules
from inventory_sandbox.marketplaces.ebay.stock import EbayStock
from inventory_sandbox.marketplaces.http import Answer, Call, Operation
from inventory_sandbox.marketplaces.stock import Listing

PATH: Final = "/ws/api.dll"
NAMESPACE: Final = "urn:ebay:apis:eBLBaseComponents"
ENTRIES_DEFAULT: Final = 25
ENTRIES_MAX: Final = 200
"""Listings on a page of the selling list."""
_VERSION: Final = "1349"


class Trading:
    """`GetUserPreferences` and `SetUserPreferences`, as far as out-of-stock control goes, and four calls that read.

    Trading answers faults with status 200 and an Ack of Failure. Calls that would revise a listing made by the
    Inventory API are refused, as eBay refuses them.
    """

    def __init__(self, rules: EbayRules, stock: EbayStock) -> None:
        self._rules = rules
        self._stock = stock
        self._calls: Mapping[str, Callable[[Call, ElementTree.Element], Answer]] = {
            "GetUserPreferences": self._get,
            "SetUserPreferences": self._set,
            "GetMyeBaySelling": self._selling,
            "GetItem": self._item,
            "GetUser": self._user,
            "GeteBayOfficialTime": lambda call, root: _answer(call, root, "Success", ""),
        }

    def operations(self) -> Sequence[Operation]:
        """What is served; the token is in a header of its own, so it is looked at here."""
        return (Operation("trading", "POST", PATH, self._handle, open=True),)

    def _handle(self, call: Call) -> Answer:
        name = call.headers.get("x-ebay-api-call-name", "")
        try:
            root = ElementTree.fromstring(call.body)
        except ElementTree.ParseError:
            root = ElementTree.Element(f"{name}Request")
            return _failure(call, root, "5", "XML Parse error.", "XML Error Text: cannot be read.")
        refused = self._refuse(call, root)
        if refused is not None:
            return refused
        if root.tag.rpartition("}")[2] != f"{name}Request":
            return _failure(call, root, "10007", "Internal error to the application.", "Call name and body differ.")
        handle = self._calls.get(name)
        if handle is not None:
            return handle(call, root)
        if name in ("ReviseInventoryStatus", "ReviseFixedPriceItem", "ReviseItem", "EndItem", "EndFixedPriceItem"):
            text = "Inventory-based listing management is not currently supported by this tool."
            return _failure(call, root, "21919474", text, text)
        return _failure(call, root, "2", "Unsupported API call.", f'The API call "{name}" is invalid or not supported.')

    def _refuse(self, call: Call, root: ElementTree.Element) -> Answer | None:
        """A failure without a good token, in its header or in the body, or over the day's limit."""
        in_header = call.headers.get("x-ebay-api-iaf-token", "")
        text = in_header or _text(root, "RequesterCredentials", "eBayAuthToken")
        if not self._rules.tokens.valid(self._rules.tokens.get(text)):
            if in_header:
                return _failure(call, root, "21916984", "Invalid IAF token.", "IAF token supplied is invalid.")
            more = "Validation of the authentication token in API request failed."
            return _failure(call, root, "931", "Auth token is invalid.", more)
        if self._rules.limit("trading", call.at) is not None:
            more = "Your application has exceeded usage limit on this call."
            return _failure(call, root, "518", "Call usage limit has been reached.", more)
        return None

    def _get(self, call: Call, root: ElementTree.Element) -> Answer:
        body = ""
        if _boolean(_text(root, "ShowOutOfStockControlPreference")):
            shown = "true" if self._stock.out_of_stock_control else "false"
            body = f"<OutOfStockControlPreference>{shown}</OutOfStockControlPreference>"
        return _answer(call, root, "Success", body)

    def _set(self, call: Call, root: ElementTree.Element) -> Answer:
        text = _text(root, "OutOfStockControlPreference")
        wanted = _boolean(text)
        if text and wanted is None:
            return _failure(call, root, "37", "Input data is invalid.", "It must be true or false.")
        if wanted is not None:
            self._stock.out_of_stock_control = wanted
        return _answer(call, root, "Success", "")

    def _user(self, call: Call, root: ElementTree.Element) -> Answer:
        body = f"<User><UserID>{EBAY_SELLER}</UserID><Status>Confirmed</Status><Site>US</Site></User>"
        return _answer(call, root, "Success", body)

    def _item(self, call: Call, root: ElementTree.Element) -> Answer:
        """One listing by its id; the variations' quantities count sold units too."""
        listing_id = _text(root, "ItemID")
        offers = [one for one in self._rules.world.stock.all("ebay") if one.seed.listing_id == listing_id != ""]
        if not offers:
            more = f"Item {listing_id} is invalid, not activated, or no longer in our database."
            return _failure(call, root, "17", "Item cannot be accessed.", more)
        return _answer(call, root, "Success", _item(listing_id, offers))

    def _selling(self, call: Call, root: ElementTree.Element) -> Answer:
        """The active listings by page, with what is left of each."""
        if _boolean(_text(root, "ActiveList", "Include")) is False:
            return _answer(call, root, "Success", "")
        size = _text(root, "ActiveList", "Pagination", "EntriesPerPage") or str(ENTRIES_DEFAULT)
        page = _text(root, "ActiveList", "Pagination", "PageNumber") or "1"
        if not size.isdecimal() or not page.isdecimal() or not 1 <= int(size) <= ENTRIES_MAX or int(page) < 1:
            more = f"EntriesPerPage must be from 1 to {ENTRIES_MAX}, PageNumber 1 or more."
            return _failure(call, root, "37", "Input data is invalid.", more)
        listed: dict[str, list[Listing]] = {}
        for one in self._rules.world.stock.all("ebay"):
            if one.seed.offer_id and one.status == "ACTIVE":
                listed.setdefault(one.seed.listing_id, []).append(one)
        start = (int(page) - 1) * int(size)
        shown = "".join(
            _item(listing_id, offers) for listing_id, offers in list(listed.items())[start : start + int(size)]
        )
        pages = -(-len(listed) // int(size))
        body = (
            f"<ItemArray>{shown}</ItemArray><PaginationResult><TotalNumberOfPages>{pages}</TotalNumberOfPages>"
            f"<TotalNumberOfEntries>{len(listed)}</TotalNumberOfEntries></PaginationResult>"
        )
        return _answer(call, root, "Success", f"<ActiveList>{body}</ActiveList>")


def _item(listing_id: str, offers: Sequence[Listing]) -> str:
    first = offers[0].seed
    auction = first.kind is ListingKind.AUCTION
    left = sum(max(one.live, 0) for one in offers)
    sold = sum(one.sold for one in offers)
    status = "Active" if any(one.status == "ACTIVE" for one in offers) else "Completed"
    several = first.kind is ListingKind.VARIATION
    return (
        f"<Item><ItemID>{escape(listing_id)}</ItemID>"
        f"<ListingDuration>{'Days_7' if auction else 'GTC'}</ListingDuration>"
        f"<ListingType>{'Chinese' if auction else 'FixedPriceItem'}</ListingType>"
        f"<Quantity>{left + sold}</Quantity>"
        f'<SellingStatus><CurrentPrice currencyID="USD">19.99</CurrentPrice><QuantitySold>{sold}</QuantitySold>'
        f"<ListingStatus>{status}</ListingStatus></SellingStatus>"
        f"{'' if several else f'<SKU>{escape(first.sku)}</SKU>'}<Title>{escape(first.title)}</Title>"
        f"{_variations(offers) if several else ''}<QuantityAvailable>{left}</QuantityAvailable></Item>"
    )


def _variations(offers: Sequence[Listing]) -> str:
    """Each variation's quantity counts the sold units too."""
    rows = "".join(
        f"<Variation><SKU>{escape(one.seed.sku)}</SKU><Quantity>{max(one.live, 0) + one.sold}</Quantity>"
        f"<SellingStatus><QuantitySold>{one.sold}</QuantitySold></SellingStatus></Variation>"
        for one in offers
    )
    return f"<Variations>{rows}</Variations>"


def _text(root: ElementTree.Element, *names: str) -> str:
    return (root.findtext("/".join(f"{{{NAMESPACE}}}{one}" for one in names)) or "").strip()


def _boolean(text: str) -> bool | None:
    """What a text says as a boolean, None where it is none: XML's own words, and Python's as a common client sends."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())


def _failure(call: Call, root: ElementTree.Element, code: str, short: str, long: str) -> Answer:
    error = (
        f"<Errors><ShortMessage>{escape(short)}</ShortMessage><LongMessage>{escape(long)}</LongMessage>"
        f"<ErrorCode>{code}</ErrorCode><SeverityCode>Error</SeverityCode>"
        "<ErrorClassification>RequestError</ErrorClassification></Errors>"
    )
    return _answer(call, root, "Failure", error)


def _answer(call: Call, root: ElementTree.Element, ack: str, body: str) -> Answer:
    """The answer to a call: a message id comes back as the correlation id."""
    name = call.headers.get("x-ebay-api-call-name", "") or "Unknown"
    tag = f"{''.join(one for one in name if one.isalnum())}Response"
    message = _text(root, "MessageID")
    correlation = f"<CorrelationID>{escape(message)}</CorrelationID>" if message else ""
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NAMESPACE}"><Timestamp>{iso_time(call.at)}</Timestamp>'
        f"<Ack>{ack}</Ack>{correlation}{body}<Version>{_VERSION}</Version><Build>E{_VERSION}_SANDBOX</Build></{tag}>"
    )
    return Answer(200, text.encode(), "text/xml;charset=utf-8")
