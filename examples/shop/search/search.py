"""Search: finds items by their words. It owns an index of the catalog, and asks the catalog every few seconds for news."""

import http.client
import json
import os
import re
import sqlite3
import sys
import threading
import time
from urllib.parse import urlsplit

import web

CATALOG = urlsplit(os.environ.get("CATALOG_URL", "http://catalog"))
REFRESH = float(os.environ.get("REFRESH_SECONDS", "2"))
COLUMNS = ("sku", "name", "about", "price")


class Index:
    """A full-text index in one SQLite file, so that search answers even where the catalog is away at its start. Any thread
    may call."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("CREATE VIRTUAL TABLE IF NOT EXISTS items USING "
                              "fts5(sku, name, about, price UNINDEXED, tokenize = 'porter unicode61', prefix = '2 3')")
        self.database.execute("CREATE TABLE IF NOT EXISTS version (tag TEXT)")

    def tag(self):
        """The ETag of the catalog that is indexed, or None before the first."""
        with self.lock:
            row = self.database.execute("SELECT tag FROM version").fetchone()
        return row and row[0]

    def replace(self, tag, items):
        with self.lock:
            self.database.execute("BEGIN IMMEDIATE")
            self.database.execute("DELETE FROM items")
            self.database.executemany("INSERT INTO items VALUES (:sku, :name, :about, :price)", items)
            self.database.execute("DELETE FROM version")
            self.database.execute("INSERT INTO version VALUES (?)", (tag,))
            self.database.execute("COMMIT")

    def find(self, text):
        words = re.findall(r"\w+", text)[:10]
        if not words:
            return []
        query = " ".join(f'"{word}"*' for word in words)
        with self.lock:
            rows = self.database.execute("SELECT sku, name, about, price FROM items WHERE items MATCH ? "
                                         "ORDER BY rank LIMIT 20", (query,)).fetchall()
        return [dict(zip(COLUMNS, row)) for row in rows]

    def skus(self):
        with self.lock:
            return [row[0] for row in self.database.execute("SELECT sku FROM items ORDER BY sku")]

    def respond(self, request):
        match request.method, request.path:
            case "GET", "/healthz":
                return (200, {"status": "ok"}) if self.tag() else (503, {"status": "not indexed yet"})
            case "GET", "/search":
                text = request.query.get("q", "")
                return 200, {"query": text, "items": self.find(text)}
            case "GET", "/books/index":
                return 200, {"catalog": self.tag(), "skus": self.skus()}
        return 404, {"error": "there is nothing here"}


def refresh(index):
    """Asks the catalog for what is new; returns whether it answered."""
    connection = http.client.HTTPConnection(CATALOG.hostname, CATALOG.port or 80, timeout=5)
    try:
        tag = index.tag()
        connection.request("GET", "/items", headers={"If-None-Match": tag} if tag else {})
        response = connection.getresponse()
        body = response.read()
        if response.status == 200:
            index.replace(response.headers["ETag"], json.loads(body)["items"])
        return response.status in (200, 304)
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"search: the catalog is away: {error}", file=sys.stderr, flush=True)
        return False
    finally:
        connection.close()


def keep_fresh(index):
    while True:
        time.sleep(REFRESH if refresh(index) else 0.2)


if __name__ == "__main__":
    index = Index(web.data("search.db"))
    threading.Thread(target=keep_fresh, args=(index,), daemon=True).start()
    web.serve("search", index.respond)
