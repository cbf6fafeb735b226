"""A voting stall: counts in Redis, books in PostgreSQL, and tries on itself what such programs do with their connections.

POST /vote?for=X        one vote
GET /votes              what both stores know
GET /try/NAME           runs the function of that name below and answers with its result
"""

import concurrent.futures
import errno
import hashlib
import http.server
import json
import os
import select
import socket
import threading
import time
import traceback
import urllib.parse

import psycopg2
import redis

CACHE = redis.Redis.from_url(os.environ["REDIS_URL"])
DSN = os.environ["DATABASE_URL"]
LOCK = threading.Lock()
LONG_LIVED = psycopg2.connect(DSN)
LONG_LIVED.autocommit = True
LONG_LIVED.cursor().execute("create table if not exists votes (id serial primary key, choice text not null)")


def vote(choice):
    CACHE.incr("votes:" + choice)
    with LOCK:
        LONG_LIVED.cursor().execute("insert into votes (choice) values (%s)", (choice,))
    return votes()


def votes():
    with LOCK, LONG_LIVED.cursor() as cursor:
        cursor.execute("select choice, count(*) from votes group by choice")
        booked = dict(cursor.fetchall())
    return {"booked": booked, "counted": counts()}


def counts():
    return {key.decode().split(":")[1]: int(CACHE.get(key)) for key in CACHE.keys("votes:*")}


def publishes_and_subscribes():
    listener = CACHE.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news")
    listener.get_message(timeout=5)
    for number in range(200):
        CACHE.publish("news", number)
    heard = []
    while len(heard) < 200:
        message = listener.get_message(timeout=10)
        if message is None:
            break
        heard.append(int(message["data"]))
    listener.close()
    return heard == list(range(200))


def listens_and_notifies():
    listener = psycopg2.connect(DSN)
    listener.autocommit = True
    listener.cursor().execute("listen news")
    with LOCK:
        LONG_LIVED.cursor().execute("select pg_notify('news', 'it works')")
    select.select([listener], [], [], 10)
    listener.poll()
    heard = [note.payload for note in listener.notifies]
    listener.close()
    return heard


def opens_64_connections_at_once():
    together = threading.Barrier(64)

    def one(number):
        database, cache = psycopg2.connect(DSN), redis.Redis.from_url(os.environ["REDIS_URL"])
        together.wait(60)
        with database.cursor() as cursor:
            cursor.execute("select pg_backend_pid(), %s::int", (number,))
            backend, same = cursor.fetchone()
        cache.set(f"many:{number}", number)
        right = same == number and int(cache.get(f"many:{number}")) == number
        together.wait(60)
        database.close()
        cache.close()
        return backend if right else 0

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        return len(set(pool.map(one, range(64))) - {0})


def stores_50_megabytes():
    value = os.urandom(1 << 20) * 50
    CACHE.set("large", value)
    back = CACHE.get("large")
    CACHE.delete("large")
    with psycopg2.connect(DSN) as database, database.cursor() as cursor:
        cursor.execute("select encode(sha256(%s), 'hex')", (value[: 20 << 20],))
        far = cursor.fetchone()[0]
    return back == value and far == hashlib.sha256(value[: 20 << 20]).hexdigest()


def half_closes():
    value = os.urandom(3 << 20)
    with socket.create_connection(("digest", 9000), timeout=30) as connection:
        connection.sendall(value)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(4096):
            answer += part
    return answer.decode() == hashlib.sha256(value).hexdigest()


def sees_a_refused_login():
    try:
        psycopg2.connect(DSN.replace("postgres:salt", "postgres:wrong"))
    except psycopg2.OperationalError as error:
        return str(error)


def loses_a_connection_when_the_server_ends_it():
    connection = psycopg2.connect(DSN)
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = cursor.fetchone()[0]
    with LOCK:
        LONG_LIVED.cursor().execute("select pg_terminate_backend(%s)", (backend,))
    select.select([connection], [], [], 10)
    try:
        connection.cursor().execute("select 1")
    except psycopg2.OperationalError as error:
        return str(error)


def dial(host, port):
    start = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=20).close()
        outcome = "connected"
    except socket.gaierror as error:
        outcome = "unknown name" if error.errno in (socket.EAI_NONAME, -5) else str(error)
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, str(error))
    return {"outcome": outcome, "seconds": time.monotonic() - start}


def dials_what_is_not_declared():
    declared = socket.gethostbyname("redis")
    return {"vault:6379": dial("vault", 6379), "redis:6380": dial("redis", 6380), "by address": dial(declared, 5432), "outside": dial("192.0.2.7", 6379)}


def keeps_a_connection_idle():
    address = urllib.parse.urlsplit(os.environ["REDIS_URL"])
    connection = redis.Redis(address.hostname, address.port, single_connection_client=True)
    connection.set("idle", "before")
    name = connection.client_id()
    time.sleep(4)
    return connection.get("idle") == b"before" and connection.client_id() == name


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        try:
            if url.path == "/votes":
                return self.answer(200, votes())
            if url.path == "/vote":
                return self.answer(200, vote(urllib.parse.parse_qs(url.query)["for"][0]))
            if url.path.startswith("/try/"):
                return self.answer(200, globals()[url.path[5:]]())
            return self.answer(404, "no such page")
        except Exception:
            return self.answer(500, traceback.format_exc())

    do_POST = do_GET

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
