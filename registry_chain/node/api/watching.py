"""What is watched: the event feed, the node's own state, its metrics (clauses EV-…, NA-14)."""

from __future__ import annotations

from flask import Response, request

from registry_chain.engines.embedded.embedded import HANDED_OVER
from registry_chain.events import EVENT_PAGE
from registry_chain.node.api.problems import unavailable
from registry_chain.node.api.reading import json_reply, not_found, whole_number
from registry_chain.node.api.streaming import SLICE, Streaming, position_asked, read_page
from registry_chain.node.following import next_page
from registry_chain.node.gate import Gate
from registry_chain.node.gauges import measured
from registry_chain.node.metrics import CONTENT_TYPE, STREAMS, WAITING
from registry_chain.node.parts import NodeParts
from weid.clock import format_time
from weid.encoding import JsonObject
from weid.registry.proved_reader import MAX_HEAD_AGE


class Watching:
    """The endpoints that may wait, with the places that they share."""

    def __init__(self, node: NodeParts) -> None:
        self._gate = Gate(node.settings.waiting)
        self.streaming = Streaming(node)

    def read_events(self, node: NodeParts) -> Response:
        """Return events after a position; `wait` seconds for the first one, if none is there.

        A request that finds all waiting places taken is answered at once, as if it did not wait.
        """
        after = position_asked(request.args.get("after"), "after", node.feed)
        limit = whole_number(request.args.get("limit"), "limit", default=EVENT_PAGE)
        most = int(node.settings.wait_seconds)
        wait = min(whole_number(request.args.get("wait"), "wait", default=0), most)
        page = read_page(node.feed, after=after, limit=limit)
        if not page.events and wait > 0:
            with self._gate.place() as free:
                end = node.monotonic() + wait
                while free and not page.events and not node.closing.is_set():
                    left = end - node.monotonic()
                    if left <= 0:
                        break
                    page = next_page(
                        node.engine, node.feed, after=after, seconds=min(left, SLICE), limit=limit
                    )
        return json_reply(page.to_json())

    def read_metrics(self, node: NodeParts) -> Response:
        """Return the node's counters for Prometheus."""
        gauges = {
            **measured(node),
            WAITING: float(self._gate.taken),
            STREAMS: float(self.streaming.open),
        }
        lags = {} if node.webhooks is None else node.webhooks.lags()
        return Response(node.metrics.text(gauges, lags), content_type=CONTENT_TYPE)


def read_status(node: NodeParts) -> Response:
    """Return which registry this is and where it stands; unproved, for a first look."""
    genesis = node.genesis
    head = node.engine.head()
    answer: JsonObject = {
        "network": genesis.network,
        "chain_id": genesis.root.chain_id,
        "genesis_hash": genesis.root.genesis_hash.hex(),
        "height": head.height,
        "time": format_time(head.time),
        "age_seconds": node.head_age(),
        "transactions": node.chain.log_size(),
        "operator": node.settings.operator,
    }
    return json_reply(answer)


def read_health(node: NodeParts) -> Response:
    """Return 200 as long as the process answers."""
    del node
    return json_reply({"status": "alive"})


def read_readiness(node: NodeParts) -> Response:
    """Return 200 when nothing is wrong and the newest block is recent enough to be believed."""
    if node.closing.is_set():
        raise unavailable("the node is stopping")
    if node.faults:
        raise unavailable("the node's store is damaged", retry_after=3600)
    failure = node.engine.failure
    if failure is not None:
        # Another reason may hold an exception's text, which is for the log only (NA-02).
        told = failure if failure == HANDED_OVER else "the node makes no blocks any more"
        raise unavailable(told, retry_after=3600)
    age = node.head_age()
    if age > MAX_HEAD_AGE:
        raise unavailable(f"the newest block is {age} s old", retry_after=30)
    return json_reply({"status": "ready", "age_seconds": age})


def read_webhook_keys(node: NodeParts) -> Response:
    """Return the public key that signs this node's webhooks, as a JWK Set (RFC 7517)."""
    key_set = None if node.webhooks is None else node.webhooks.keys.key_set()
    if key_set is None:
        raise not_found("this node has no webhooks")
    return json_reply(key_set, cache="public, max-age=300")
