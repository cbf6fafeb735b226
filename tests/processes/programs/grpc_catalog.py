"""The catalog of tests/protobuf, which takes and gives messages as octets: what it answers is told by the request's id."""

import concurrent.futures
import os
import sys

import grpc


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def text(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field, value):
    return varint(field << 3) + varint(value)


SHIP = text(1, b"ship") + number(2, 7)
SECRET = text(9, b"secret")


def log(words):
    print(words, flush=True)


def get(request, context):
    log(f"get {request!r}")
    answers = {b"more": SHIP + SECRET, b"broken": b"\xff", b"misfit": number(2, 7), b"large": text(1, b"s" * (2 << 20)) + number(2, 7)}
    return answers.get(request[2:], SHIP)


def put(request, context):
    log(f"put {request!r}")
    return text(1, b"k")


def list_(request, context):
    log(f"list {request!r}")
    yield SHIP
    yield SHIP + SECRET
    if request[2:] == b"broken":
        yield b"\xff"
    yield SHIP


def fill(requests, context):
    count = 0
    for request in requests:
        log(f"fill {request!r}")
        count += 1
    return text(1, str(count).encode())


def talk(requests, context):
    for request in requests:
        log(f"talk {request!r}")
        yield SHIP + SECRET


METHODS = {"Get": grpc.unary_unary_rpc_method_handler(get), "Put": grpc.unary_unary_rpc_method_handler(put), "Hidden": grpc.unary_unary_rpc_method_handler(get),
           "List": grpc.unary_stream_rpc_method_handler(list_), "Fill": grpc.stream_unary_rpc_method_handler(fill),
           "Talk": grpc.stream_stream_rpc_method_handler(talk)}

if __name__ == "__main__":
    options = [("grpc.max_send_message_length", 16 << 20)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8), options=options,
                         compression=grpc.Compression.Gzip if "packed" in sys.argv else None)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Catalog", METHODS),))
    server.add_insecure_port(f"0.0.0.0:{os.environ['PORT']}")
    server.start()
    server.wait_for_termination()
