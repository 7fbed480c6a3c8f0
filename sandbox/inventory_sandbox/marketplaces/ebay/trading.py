"""The Trading API, in XML: the preference that keeps a listing at zero, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.ebay.rules import EbayRules
from inventory_sandbox.marketplaces.ebay.stock import EbayStock
from inventory_sandbox.marketplaces.http import Answer, Call, Operation

PATH: Final = "/ws/api.dll"
NAMESPACE: Final = "urn:ebay:apis:eBLBaseComponents"
_VERSION: Final = "1349"


class Trading:
    """`GetUserPreferences` and `SetUserPreferences`, as far as out-of-stock control goes.

    Trading answers faults with status 200 and an Ack of Failure. Calls that would revise a listing made by the
    Inventory API are refused, as eBay refuses them.
    """

    def __init__(self, rules: EbayRules, stock: EbayStock) -> None:
        self._rules = rules
        self._stock = stock

    def operations(self) -> Sequence[Operation]:
        """What is served; the token is in a header of its own, so it is looked at here."""
        return (Operation("trading", "POST", PATH, self._handle, open=True),)

    def _handle(self, call: Call) -> Answer:
        name = call.headers.get("x-ebay-api-call-name", "")
        token = self._rules.tokens.get(call.headers.get("x-ebay-api-iaf-token", ""))
        if not self._rules.tokens.valid(token):
            return _failure(call, name, "21916984", "Invalid IAF token.", "IAF token supplied is invalid.")
        if self._rules.limit("trading", call.at) is not None:
            text = "Your application has exceeded usage limit on this call."
            return _failure(call, name, "518", "Call usage limit has been reached.", text)
        try:
            root = ElementTree.fromstring(call.body)
        except ElementTree.ParseError:
            return _failure(call, name, "5", "XML Parse error.", "XML Error Text: cannot be read.")
        if root.tag.rpartition("}")[2] != f"{name}Request":
            return _failure(call, name, "10007", "Internal error to the application.", "Call name and body differ.")
        if name == "GetUserPreferences":
            return self._get(call, root)
        if name == "SetUserPreferences":
            return self._set(call, root)
        if name in ("ReviseInventoryStatus", "ReviseFixedPriceItem", "ReviseItem", "EndItem", "EndFixedPriceItem"):
            text = "Inventory-based listing management is not currently supported by this tool."
            return _failure(call, name, "21919474", text, text)
        return _failure(call, name, "2", "Unsupported API call.", f'The API call "{name}" is invalid or not supported.')

    def _get(self, call: Call, root: ElementTree.Element) -> Answer:
        body = ""
        if _text(root, "ShowOutOfStockControlPreference") == "true":
            shown = "true" if self._stock.out_of_stock_control else "false"
            body = f"<OutOfStockControlPreference>{shown}</OutOfStockControlPreference>"
        return _answer(call, "GetUserPreferences", "Success", body)

    def _set(self, call: Call, root: ElementTree.Element) -> Answer:
        wanted = _text(root, "OutOfStockControlPreference")
        if wanted not in ("", "true", "false"):
            return _failure(call, "SetUserPreferences", "37", "Input data is invalid.", "It must be true or false.")
        if wanted:
            self._stock.out_of_stock_control = wanted == "true"
        return _answer(call, "SetUserPreferences", "Success", "")


def _text(root: ElementTree.Element, name: str) -> str:
    found = root.find(f"{{{NAMESPACE}}}{name}")
    return (found.text or "").strip() if found is not None else ""


def _failure(call: Call, name: str, code: str, short: str, long: str) -> Answer:
    error = (
        f"<Errors><ShortMessage>{escape(short)}</ShortMessage><LongMessage>{escape(long)}</LongMessage>"
        f"<ErrorCode>{code}</ErrorCode><SeverityCode>Error</SeverityCode>"
        "<ErrorClassification>RequestError</ErrorClassification></Errors>"
    )
    return _answer(call, name or "Unknown", "Failure", error)


def _answer(call: Call, name: str, ack: str, body: str) -> Answer:
    tag = f"{''.join(one for one in name if one.isalnum())}Response"
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NAMESPACE}"><Timestamp>{iso_time(call.at)}</Timestamp>'
        f"<Ack>{ack}</Ack>{body}<Version>{_VERSION}</Version><Build>E{_VERSION}_SANDBOX</Build></{tag}>"
    )
    return Answer(200, text.encode(), "text/xml;charset=utf-8")
