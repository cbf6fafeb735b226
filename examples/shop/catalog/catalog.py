"""Catalog: what the shop sells, at what price, and what it costs the shop itself (in cents). items.json is what it sells on
its first day."""

import json
import os
import sqlite3
import threading

import web

COLUMNS = ("sku", "name", "about", "price", "cost")
SELECTED = f"SELECT {', '.join(COLUMNS)}, version FROM items"


def problem(item):
    """Why `item` cannot be sold, or nothing."""
    if not isinstance(item, dict) or set(item) != set(COLUMNS):
        return f"an item has {', '.join(COLUMNS)}"
    if not all(isinstance(item[column], str) and item[column] for column in COLUMNS[:3]):
        return "sku, name and about are texts"
    if not all(type(item[column]) is int and 0 < item[column] < 10**9 for column in COLUMNS[3:]):
        return "price and cost are whole numbers of cents above 0"
    return None


class Catalog:
    """The items, in one SQLite file. Any thread may call. The version rises with every change, so that who keeps a copy
    (checkout its price list, search its index) asks for it with If-None-Match and mostly hears "304"."""

    def __init__(self, path, first_items):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("BEGIN IMMEDIATE")
        self.database.execute("CREATE TABLE IF NOT EXISTS items (sku TEXT PRIMARY KEY, name TEXT NOT NULL, about TEXT "
                              "NOT NULL, price INTEGER NOT NULL, cost INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID")
        if "cost" not in [column[1] for column in self.database.execute("PRAGMA table_info(items)")]:  # a file of before
            self.database.execute("ALTER TABLE items ADD COLUMN cost INTEGER NOT NULL DEFAULT 1")
        if not self.database.execute("SELECT 1 FROM items LIMIT 1").fetchone():
            self.database.executemany("INSERT INTO items (sku, name, about, price, cost, version) "
                                      "VALUES (:sku, :name, :about, :price, :cost, 1)", first_items)
        self.database.execute("COMMIT")

    def all(self):
        with self.lock:
            rows = self.database.execute(f"{SELECTED} ORDER BY sku").fetchall()
        return max(row[-1] for row in rows), [dict(zip(COLUMNS, row)) for row in rows]

    def find(self, sku):
        with self.lock:
            row = self.database.execute(f"{SELECTED} WHERE sku = ?", (sku,)).fetchone()
        return row and dict(zip(COLUMNS, row))

    def put(self, item):
        with self.lock:
            self.database.execute("INSERT OR REPLACE INTO items (sku, name, about, price, cost, version) "
                                  "SELECT :sku, :name, :about, :price, :cost, max(version) + 1 FROM items", item)

    def respond(self, request):
        match request.method, request.path.split("/"):
            case "GET", ["", "healthz"]:
                return 200, {"status": "ok"}
            case "GET", ["", "items"]:
                return self.list_items(request.headers.get("If-None-Match"))
            case "GET", ["", "items", sku]:
                item = self.find(sku)
                return (200, item) if item else (404, {"error": f"there is no item {sku}"})
            case "PUT", ["", "items", sku]:
                return self.put_item(sku, request.body)
        return 404, {"error": "there is nothing here"}

    def list_items(self, known):
        version, items = self.all()
        tag = f'"{version}"'
        if known == tag:
            return 304, None, {"ETag": tag}
        return 200, {"version": version, "items": items}, {"ETag": tag}

    def put_item(self, sku, body):
        try:
            item = json.loads(body)
        except ValueError:
            return 400, {"error": "the body is not JSON"}
        wrong = problem(item) or (item["sku"] != sku and "the path names another item")
        if wrong:
            return 422, {"error": wrong}
        self.put(item)
        return 200, item


if __name__ == "__main__":
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "items.json"), encoding="utf-8") as file:
        first_items = json.load(file)
    web.serve("catalog", Catalog(web.data("catalog.db"), first_items).respond)
