"""Accounts: who the customers are, and where their parcels go."""

import sqlite3
import threading

import web

FIRST_NAMES = "Ada Ben Cleo Dora Emil Fay Gus Hana Ivo June Kai Lena Milo Nora Otto Pia Quin Rosa Sven Tess".split()
LAST_NAMES = "Abel Berg Carver Drake Engel Frost Grove Hale Ingram Joyce".split()
TOWNS = "Bergen Cork Esbjerg Hull Kiel".split()
SEEDED = 1000


def seed(number):
    """Customer `number`, the same at every first start. Every hundredth has closed the account."""
    name = f"{FIRST_NAMES[number % 20]} {LAST_NAMES[number // 20 % 10]}"
    address = f"{number % 90 + 1} Quay Street, {TOWNS[number % 5]}"
    return f"c{number:04}", name, address, "closed" if number % 100 == 99 else "active"


class Accounts:
    """The customers, in one SQLite file. Any thread may call."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("BEGIN IMMEDIATE")
        self.database.execute("CREATE TABLE IF NOT EXISTS customers (id TEXT PRIMARY KEY, name TEXT NOT NULL, "
                              "address TEXT NOT NULL, status TEXT NOT NULL) WITHOUT ROWID")
        if not self.database.execute("SELECT 1 FROM customers LIMIT 1").fetchone():
            self.database.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", map(seed, range(SEEDED)))
        self.database.execute("COMMIT")

    def find(self, customer):
        with self.lock:
            row = self.database.execute("SELECT * FROM customers WHERE id = ?", (customer,)).fetchone()
        return row and dict(zip(("id", "name", "address", "status"), row))

    def statuses(self):
        with self.lock:
            rows = self.database.execute("SELECT id, status FROM customers ORDER BY id").fetchall()
        return [{"id": customer, "status": status} for customer, status in rows]

    def respond(self, request):
        match request.method, request.path.split("/"):
            case "GET", ["", "healthz"]:
                return 200, {"status": "ok"}
            case "GET", ["", "customers", customer]:
                found = self.find(customer)
                return (200, found) if found else (404, {"error": f"there is no customer {customer}"})
            case "GET", ["", "books", "customers"]:
                return 200, {"customers": self.statuses()}
        return 404, {"error": "there is nothing here"}


if __name__ == "__main__":
    web.serve("accounts", Accounts(web.data("accounts.db")).respond)
