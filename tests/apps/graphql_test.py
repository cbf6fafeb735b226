"""Apollo's federation gateway, whose subgraphs are at localhost:4001, 4002 and 4003 as far as it knows."""

import concurrent.futures
import json
import pathlib
import sys

import harness
import installed
from harness import until

HERE = pathlib.Path(__file__).resolve().parent
MODULES = None  # where npm put them

MANIFEST = """
app: graph
services:
  gateway:
    dir: @HERE@/graph
    command: [/usr/bin/node, gateway.js]
    mounts: [{from: @MODULES@, to: /node_modules}]
    port: 4000
    calls:
      accounts: {at: "localhost:4001"}
      reviews: {at: "localhost:4002"}
      products: {at: "localhost:4003", allow: [POST /graphql]}
  accounts:
    dir: @HERE@/graph
    command: [/usr/bin/node, subgraph.js]
    mounts: [{from: @MODULES@, to: /node_modules}]
    port: 4001
    environment: {SUBGRAPH: accounts}
  reviews:
    dir: @HERE@/graph
    command: [/usr/bin/node, subgraph.js]
    mounts: [{from: @MODULES@, to: /node_modules}]
    port: 4002
    environment: {SUBGRAPH: reviews}
  products:
    dir: @HERE@/graph
    command: [/usr/bin/node, subgraph.js]
    mounts: [{from: @MODULES@, to: /node_modules}]
    port: 4003
    environment: {SUBGRAPH: products}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /*}, to: gateway}]
"""

ACROSS = "query($first: Int) { topProducts(first: $first) { upc name price reviews { body author { id name } } } }"


class Federation(harness.Case):
    def ask(self, app, query, variables=None, headers=None):
        body = json.dumps({"query": query, "variables": variables or {}})
        answer = app.request("POST", "/", body, {"Content-Type": "application/json", **(headers or {})})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def test_queries_across_all_subgraphs(self):
        app = self.application(MANIFEST.replace("@HERE@", str(HERE)).replace("@MODULES@", str(MODULES)))
        app.up()
        with self.subTest("one query, three subgraphs"):
            products = self.ask(app, ACROSS, {"first": 50})["data"]["topProducts"]
            self.assertEqual(len(products), 50)
            self.assertEqual(products[7]["name"], "thing 8")
            self.assertEqual([review["author"]["name"] for review in products[7]["reviews"]], ["Ada", "Alan"])
        with self.subTest("a mutation is seen"):
            self.ask(app, 'mutation { review(upc: "1", body: "grand") { id product { name } } }')
            first = self.ask(app, ACROSS, {"first": 1})["data"]["topProducts"][0]
            self.assertEqual([review["body"] for review in first["reviews"]][-1], "grand")
        with self.subTest("a subgraph's error is the client's error"):
            broken = self.ask(app, "{ broken me { name } }")
            self.assertEqual(broken["data"], {"broken": None, "me": {"name": "Ada"}})
            self.assertEqual(broken["errors"][0]["message"], "no luck")
        with self.subTest("a header travels"):
            self.assertEqual(self.ask(app, "{ me { userAgent } }", headers={"X-Note": "hello"})["data"]["me"]["userAgent"], "hello")
        with self.subTest("a wrong query"):
            answer = app.request("POST", "/", '{"query": "{ nothing }"}', {"Content-Type": "application/json"})
            self.assertEqual(answer.status, 400)
        with self.subTest("many at once"):
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(lambda _: self.ask(app, ACROSS, {"first": 10}), range(200)))
            self.assertTrue(all(len(answer["data"]["topProducts"]) == 10 for answer in answers))
        with self.subTest("a subgraph that is started again is found again"):
            app.run("restart", "accounts")
            until(lambda: self.ask(app, "{ me { name } }").get("data") == {"me": {"name": "Ada"}}, 30, "the subgraph's return")
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)


if __name__ == "__main__":
    try:
        MODULES = installed.npm("graph") / "node_modules"
    except installed.Missing as reason:
        print(f"skipped: {reason}")
        sys.exit(harness.SKIPPED)
    harness.main()
