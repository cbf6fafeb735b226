"""Moves votes from Redis into PostgreSQL, and counts them for whoever asks."""

import http.server
import json
import os
import threading

import psycopg2
from redis import Redis


def work():
    queue = Redis(host=os.environ["REDIS_HOST"])
    database = psycopg2.connect("")
    database.autocommit = True
    while True:
        _, vote = queue.blpop("votes")
        vote = json.loads(vote)
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO votes VALUES (%s, %s) ON CONFLICT (voter) DO UPDATE SET choice = excluded.choice", (vote["choice"], vote["voter"]))


class Counts(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with psycopg2.connect("") as database, database.cursor() as cursor:
            cursor.execute("SELECT choice, count(*) FROM votes GROUP BY choice")
            body = json.dumps(dict(cursor.fetchall())).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    http.server.ThreadingHTTPServer(("", 7000), Counts).serve_forever()
