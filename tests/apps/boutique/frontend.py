"""The boutique's front: it is asked to try something, does so as a gRPC program would, and answers with what it saw."""

import concurrent.futures
import hashlib
import json
import os
import socket
import threading
import time
import traceback

import grpc

import boutique_pb2 as messages
import boutique_pb2_grpc as services
from peers import OPTIONS, channel

CATALOG = services.CatalogStub(channel("CATALOG"))
CART = services.CartStub(channel("CART"))
SHIPPING = services.ShippingStub(channel("SHIPPING"))
PAYMENT = services.PaymentStub(channel("PAYMENT"))
MAIL = services.MailStub(channel("MAIL"))
CHAT = services.ChatStub(channel("CHAT"))
CHECKOUT = services.CheckoutStub(channel("CHECKOUT"))


def failure(error):
    return {"code": error.code().name, "details": error.details(), "trailers": [key for key, _ in error.trailing_metadata()]}


def order(card="good"):
    lines = [messages.Line(id="1", count=2), messages.Line(id="3", count=1)]
    return messages.Order(lines=lines, town="Riga", currency="USD", card=card)


def places_an_order_through_all_services():
    placed = CHECKOUT.Place(order())
    return {"receipt": placed.receipt, "amount": placed.total.amount, "currency": placed.total.currency, "shown": list(placed.shown)}


def streams_from_the_server():
    return len(list(CATALOG.List(messages.Nothing())))


def streams_to_the_server():
    return CART.Add(messages.Line(id="x", count=1) for _ in range(5000)).count


def talks_both_ways_in_turns():
    turn = threading.Semaphore(1)

    def words():
        for number in range(100):
            turn.acquire()
            yield messages.Word(text=f"word {number}")

    heard = []
    for word in CHAT.Talk(words()):
        heard.append(word.text)
        turn.release()
    return heard == [f"WORD {number}" for number in range(100)]


def sends_5_megabytes(**more):
    body = os.urandom(5 << 20)
    delivered = MAIL.Send(messages.Letter(to="far", body=body), timeout=60, **more)
    return delivered.digest == hashlib.sha256(body).hexdigest() and delivered.echo == body


def sends_5_megabytes_compressed():
    return sends_5_megabytes(compression=grpc.Compression.Gzip)


def carries_metadata_both_ways():
    stamp = bytes(range(256)) * 4
    sent = (("note", "x" * 4000), ("stamp-bin", stamp))
    _, call = MAIL.Send.with_call(messages.Letter(to="near"), metadata=sent, timeout=30)
    first, last = dict(call.initial_metadata()), dict(call.trailing_metadata())
    return {
        "note": first["seen-note"] == "x" * 4000, "sum": last["sum-bin"] == hashlib.sha256(stamp).digest(),
        "deadline": float(first["seen-deadline"]),
    }


def sees_a_status_with_trailers():
    try:
        PAYMENT.Take(messages.Charge(amount=1, card="stolen"))
    except grpc.RpcError as error:
        return failure(error) | {"proof": dict(error.trailing_metadata())["proof-bin"] == bytes(range(256))}


def sees_not_found():
    try:
        CATALOG.Get(messages.Item(id="lost"))
    except grpc.RpcError as error:
        return failure(error)


def keeps_its_deadline():
    start = time.monotonic()
    try:
        MAIL.Send(messages.Letter(to="nobody"), timeout=0.5)
    except grpc.RpcError as error:
        return failure(error) | {"seconds": time.monotonic() - start}


def cancels():
    before = SHIPPING.Abandoned(messages.Nothing()).count
    call = SHIPPING.Track(messages.Tracking(steps=100000, pause_ms=20))
    seen = [next(call).number for _ in range(3)]
    call.cancel()
    end = time.monotonic() + 10
    while time.monotonic() < end and SHIPPING.Abandoned(messages.Nothing()).count == before:
        time.sleep(0.05)
    return {"seen": seen, "abandoned": SHIPPING.Abandoned(messages.Nothing()).count - before}


def calls_what_is_not_declared():
    try:
        PAYMENT.Refund(messages.Receipt(id="r-1"), timeout=20)
    except grpc.RpcError as error:
        return failure(error)


def calls_what_no_server_has():
    try:
        MAIL.Lose(messages.Letter(), timeout=20)
    except grpc.RpcError as error:
        return failure(error)


def dials_who_is_not_declared():
    port = os.environ["CURRENCY_PORT"]
    stub = services.CurrencyStub(grpc.insecure_channel(f"currency:{port}"))
    start = time.monotonic()
    try:
        stub.Convert(messages.Exchange(to="USD"), timeout=20)
    except grpc.RpcError as error:
        return failure(error) | {"seconds": time.monotonic() - start}


def spreads_calls_of_one_connection():
    return len({CATALOG.Who(messages.Nothing()).text for _ in range(90)})


def resolves_like_a_grpc_program():
    address = os.environ["CATALOG_SERVICE_ADDR"]
    ip = socket.gethostbyname(address.split(":")[0])
    targets = [address, "dns:" + address, "dns:///" + address, "ipv4:" + ip + ":" + address.split(":")[1]]
    return [services.CatalogStub(grpc.insecure_channel(target)).Get(messages.Item(id="7"), timeout=20).name for target in targets]


def pings_while_idle():
    options = [("grpc.keepalive_time_ms", 2000), ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0)]
    stub = services.CatalogStub(grpc.insecure_channel(os.environ["CATALOG_SERVICE_ADDR"], options=options))
    stub.Get(messages.Item(id="1"))
    time.sleep(5)
    return stub.Get(messages.Item(id="2")).name


def makes_many_calls_at_once():
    def one(number):
        return CATALOG.Get(messages.Item(id=str(number % 100 + 1)), timeout=60).id == str(number % 100 + 1)

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        return sum(pool.map(one, range(2000)))


class Frontend(services.FrontendServicer):
    def Try(self, request, context):
        try:
            return messages.Outcome(json=json.dumps(globals()[request.name]()))
        except Exception:
            return messages.Outcome(json=json.dumps({"error": traceback.format_exc()}))


if __name__ == "__main__":
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=OPTIONS)
    services.add_FrontendServicer_to_server(Frontend(), server)
    server.add_insecure_port(f"[::]:{os.environ['PORT']}")
    server.start()
    server.wait_for_termination()
