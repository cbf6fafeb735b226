"""Nine of the boutique's ten services; SERVICE says which one this process is. The tenth is frontend.py."""

import concurrent.futures
import hashlib
import os
import threading
import time
import uuid

import grpc

import boutique_pb2 as messages
import boutique_pb2_grpc as services

ITEMS = [messages.Item(id=str(n), name=f"item {n}", price=100 * n) for n in range(1, 101)]
OPTIONS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]


def channel(name):
    return grpc.insecure_channel(os.environ[name + "_SERVICE_ADDR"], options=OPTIONS)


class Catalog(services.CatalogServicer):
    name = str(uuid.uuid4())

    def Get(self, request, context):
        for item in ITEMS:
            if item.id == request.id:
                return item
        context.abort(grpc.StatusCode.NOT_FOUND, f"no item {request.id}")

    def List(self, request, context):
        yield from ITEMS

    def Who(self, request, context):
        return messages.Word(text=self.name)


class Currency(services.CurrencyServicer):
    def Convert(self, request, context):
        return messages.Money(amount=getattr(request, "from").amount * 2, currency=request.to)


class Cart(services.CartServicer):
    def Add(self, lines, context):
        return messages.Total(count=sum(line.count for line in lines))


class Recommendation(services.RecommendationServicer):
    def __init__(self):
        self.catalog = services.CatalogStub(channel("CATALOG"))

    def Similar(self, request, context):
        known = {item.id for item in request.items}
        return messages.Items(items=[item for item in self.catalog.List(messages.Nothing()) if item.id not in known][:3])


class Shipping(services.ShippingServicer):
    def __init__(self):
        self.tracks = self.completed = 0

    def Quote(self, request, context):
        return messages.Money(amount=500, currency="EUR")

    def Track(self, request, context):
        if not context.add_callback(self.ended):
            return self.ended()
        for number in range(request.steps):
            if not context.is_active():
                return
            yield messages.Step(number=number, place=f"place {number}")
            time.sleep(request.pause_ms / 1000)
        self.completed += 1

    def ended(self):
        self.tracks += 1

    def Abandoned(self, request, context):
        return messages.Total(count=self.tracks - self.completed)


class Payment(services.PaymentServicer):
    def Take(self, request, context):
        if request.card == "stolen":
            context.set_trailing_metadata((("reason", "stolen card"), ("proof-bin", bytes(range(256)))))
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "declined: 100 % sure – \"stolen\"")
        return messages.Receipt(id="r-1")

    def Refund(self, request, context):
        return messages.Nothing()


class Mail(services.MailServicer):
    def Send(self, request, context):
        received = dict(context.invocation_metadata())
        if request.to == "nobody":
            ended = threading.Event()  # by the caller's deadline: an answer at that very moment might still be taken
            if context.add_callback(ended.set):
                ended.wait(20)
            return messages.Delivered()
        context.send_initial_metadata((("seen-deadline", str(context.time_remaining())), ("seen-note", received.get("note", ""))))
        context.set_trailing_metadata((("sum-bin", hashlib.sha256(received.get("stamp-bin", b"")).digest()),))
        return messages.Delivered(bytes=len(request.body), digest=hashlib.sha256(request.body).hexdigest(), echo=request.body)


class Chat(services.ChatServicer):
    def Talk(self, words, context):
        for word in words:
            yield messages.Word(text=word.text.upper())


class Checkout(services.CheckoutServicer):
    def __init__(self):
        self.catalog = services.CatalogStub(channel("CATALOG"))
        self.cart = services.CartStub(channel("CART"))
        self.currency = services.CurrencyStub(channel("CURRENCY"))
        self.shipping = services.ShippingStub(channel("SHIPPING"))
        self.payment = services.PaymentStub(channel("PAYMENT"))
        self.mail = services.MailStub(channel("MAIL"))
        self.recommendation = services.RecommendationStub(channel("RECOMMENDATION"))

    def Place(self, order, context):
        count = self.cart.Add(iter(order.lines)).count
        bought = [self.catalog.Get(messages.Item(id=line.id)) for line in order.lines]
        amount = sum(item.price * line.count for item, line in zip(bought, order.lines))
        amount += self.shipping.Quote(messages.Address(town=order.town)).amount
        exchange = messages.Exchange(to=order.currency)
        getattr(exchange, "from").amount = amount
        total = self.currency.Convert(exchange)
        receipt = self.payment.Take(messages.Charge(amount=total.amount, card=order.card))
        self.mail.Send(messages.Letter(to=order.town, body=f"{count} things".encode()))
        shown = self.recommendation.Similar(messages.Items(items=bought))
        return messages.Placed(receipt=receipt.id, total=total, shown=[item.id for item in shown.items])


def serve():
    name = os.environ["SERVICE"]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32), options=OPTIONS)
    getattr(services, f"add_{name}Servicer_to_server")(globals()[name](), server)
    server.add_insecure_port(f"[::]:{os.environ['PORT']}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    serve()
