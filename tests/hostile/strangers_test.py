"""A stranger who has read the shop's contracts, and tries thousands of requests made of them: valid ones, and ones with a part spoilt.
Behind each contract stands a program that says what it saw; whatever it saw is judged again here, by other code than ours."""

import base64
import copy
import json
import pathlib
import random
import re
import sys
import urllib.parse
import warnings

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
SHOP = HERE.parents[1] / "examples/shop"
sys.path.insert(0, str(HERE.parent / "processes"))

import harness  # noqa: E402

CONTRACTS = ("catalog", "checkout", "payments")
ROUNDS = 250 if harness.is_sanitized() else 1500  # for each contract
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND", "QUERY")
MANIFEST = "app: strangers\nservices:\n" + "".join(f"""  {name}:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, recorder.py]
    port: 8080
    contract: {{file: {SHOP}/{name}/openapi.yaml, response: off}}
""" for name in CONTRACTS) + "gateway:\n  listen: 127.0.0.1:@PORT@\n  routes:\n" + "".join(f"    - {{match: {{path: /{name}/*}}, to: {name}, rewrite: /}}\n" for name in CONTRACTS)


class Contract:
    """An OpenAPI document as this test reads it."""

    def __init__(self, name):
        self.document = yaml.safe_load((SHOP / name / "openapi.yaml").read_text())
        self.operations = []
        for template, item in self.document["paths"].items():
            for method, operation in item.items():
                self.operations.append((method.upper(), template, [self.resolve(each) for each in operation.get("parameters", [])], self.body_of(operation)))

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def body_of(self, operation):
        return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")

    def valid(self, schema, value):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            validator = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver("", self.document))
        return validator.is_valid(value)

    # Why a request that was seen is none of the contract's, or nothing.
    def objection(self, seen):
        path, _, query = seen["target"].partition("?")
        segments = [urllib.parse.unquote(part, errors="strict") for part in path.split("/")]
        if any("/" in part or part in (".", "..") or "\0" in part for part in segments):
            return "a path that programs read differently"
        method = "GET" if seen["method"] == "HEAD" else seen["method"]
        for wanted, template, parameters, body in self.operations:
            names = template.split("/")
            if len(names) != len(segments) or not all(name.startswith("{") or name == part for name, part in zip(names, segments)):
                continue
            if wanted != seen["method"]:
                continue
            found = {name[1:-1]: part for name, part in zip(names, segments) if name.startswith("{")}
            return self.wrong_parameters(parameters, found, query, seen) or self.wrong_body(body, seen)
        return f"no operation {method} {path}"

    def wrong_parameters(self, parameters, found, query, seen):
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
        if len({name for name, _ in pairs}) != len(pairs):
            return "a parameter that is there twice"
        undeclared = {name for name, _ in pairs} - {each["name"] for each in parameters if each["in"] == "query"}
        if undeclared:
            return f"undeclared parameters {undeclared}"
        for each in parameters:
            values = {"path": [found.get(each["name"])], "query": [value for name, value in pairs if name == each["name"]],
                      "header": [value for name, value in seen["headers"] if name.lower() == each["name"].lower()]}[each["in"]]
            if len(values) > 1 or (each.get("required") and not values):
                return f"{each['name']} is there {len(values)} times"
            if values and not any(self.valid(each["schema"], reading) for reading in self.readings(values[0])):
                return f"{each['name']} is {values[0]!r}"
        return None

    def readings(self, text):
        yield text
        if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", text):
            yield json.loads(text)

    def wrong_body(self, schema, seen):
        body = base64.b64decode(seen["body"])
        if schema is None:
            return "an undeclared body" if body else None

        def once(pairs):
            if len({name for name, _ in pairs}) != len(pairs):
                raise ValueError("a member is there twice")
            return dict(pairs)

        def refuse(word):
            raise ValueError(word)

        try:
            value = json.loads(body.decode("utf-8", "strict"), object_pairs_hook=once, parse_constant=refuse)
            json.dumps(value, ensure_ascii=False).encode()  # no half of a surrogate pair
        except ValueError as error:
            return f"a body that is no JSON: {error}"
        types = [value.split(";")[0].strip().lower() for name, value in seen["headers"] if name.lower() == "content-type"]
        if types != ["application/json"]:
            return f"content types {types}"
        if any(name.lower() == "content-encoding" for name, _ in seen["headers"]):
            return "a coded body"
        return None if self.valid(schema, value) else f"a body that its schema refuses: {value!r}"[:200]


class Stranger:
    """Makes requests of a contract; the same for the same seed."""

    def __init__(self, contract, seed):
        self.contract = contract
        self.random = random.Random(seed)

    def text(self, schema):
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        return "".join(self.random.choice("abcxyz019-") for _ in range(self.random.randint(1, min(schema.get("maxLength", 12), 12))))

    def sample(self, schema):
        schema = self.contract.resolve(schema)
        kind = schema.get("type", "string")
        if kind == "integer" or kind == "number":
            return self.random.randint(schema.get("minimum", 1), min(schema.get("maximum", 1000), 1000))
        if kind == "array":
            return [self.sample(schema["items"]) for _ in range(self.random.randint(schema.get("minItems", 0), 3))]
        if kind == "object":
            return {name: self.sample(each) for name, each in schema["properties"].items() if name in schema.get("required", []) or self.random.random() < 0.7}
        return self.text(schema)

    # [method, path, query, headers, body], as the contract wants it.
    def good(self):
        method, template, parameters, schema = self.random.choice(self.contract.operations)
        path, query, headers = template, [], []
        for each in parameters:
            value = str(self.sample(each["schema"]))
            if each["in"] == "path":
                path = path.replace("{" + each["name"] + "}", value)
            elif each.get("required") or self.random.random() < 0.5:
                (query if each["in"] == "query" else headers).append((each["name"], value))
        body = None
        if schema is not None:
            body = json.dumps(self.sample(schema)).encode()
            headers.append(("Content-Type", "application/json"))
        return [method, path, query, headers, body]

    def spoilt(self):
        request = self.good()
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            self.random.choice((self.spoil_method, self.spoil_path, self.spoil_query, self.spoil_headers, self.spoil_body, self.spoil_body))(request)
        return request

    def spoil_method(self, request):
        request[0] = self.random.choice(METHODS)

    def spoil_path(self, request):
        path = request[1]
        at = self.random.randrange(len(path) + 1)
        junk = self.random.choice(("%2e%2e/", "%2E%2E%2F", "../", "./", "//", "%2f", "%5c", "\\", ";x=1", "%00", "%0d%0aX:1", "%ff", "%c0%ae", "%", "%zz", "%252e", "/", ".json", "%20", "é".encode().decode("latin1"), "%61"))
        request[1] = self.random.choice((path[:at] + junk + path[at:], path + junk, path.upper(), path + "/", path.rsplit("/", 1)[0] or "/", "/" + "/".join(f"%{ord(c):02x}" for c in path[1:4])))

    def spoil_query(self, request):
        name = self.random.choice(("admin", "prefix", "from", "seconds", "fields[]", "__proto__", "Prefix", "from%00"))
        request[2].append((name, self.random.choice(("1", "-1", "1e3", "NaN", "a;b=1", "x&y=2", "%00", "", "0x10", "१"))))
        if self.random.random() < 0.3:
            request[2].append(self.random.choice(request[2]))

    def spoil_headers(self, request):
        kind = self.random.randrange(5)
        if kind == 0 and request[3]:
            request[3].pop(self.random.randrange(len(request[3])))
        elif kind == 1 and request[3]:
            request[3].append(self.random.choice(request[3]))
        elif kind == 2:
            request[3] = [(name, value) for name, value in request[3] if name != "Content-Type"]
            request[3].append(("Content-Type", self.random.choice(("text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "application/json, text/plain", "multipart/form-data; boundary=x", "application/jsonx", "APPLICATION/JSON"))))
        elif kind == 3:
            request[3].append(self.random.choice((("Content-Encoding", "gzip"), ("X-HTTP-Method-Override", "DELETE"), ("X-Original-URL", "/admin"), ("X-Forwarded-Prefix", "/x"), ("Idempotency-Key", "a b"), ("Idempotency_Key", "x"))))
        else:
            request[3].append(("Idempotency-Key", self.random.choice(("", "a" * 65, "../x", "a,b", "é".encode().decode("latin1")))))

    def spoil_body(self, request):
        if request[4] is None:
            if self.random.random() < 0.5:
                request[4] = b'{"a": 1}'
                request[3].append(("Content-Type", "application/json"))
            return
        body = request[4]
        try:
            value = json.loads(body)
        except ValueError:
            return
        kind = self.random.randrange(4)
        if kind == 0:
            request[4] = self.random.choice((b"", b"{", body[:-1], body + b"x", body + body, b"\xef\xbb\xbf" + body, body.decode("latin1").encode("utf-16"), body.replace(b'"', b"'"), b"[" * 100 + b"]" * 100, b"null",
                                             b"NaN", body.replace(b"1", b"01"), body.replace(b'": ', b'": 1e400, "x": ', 1), body.replace(b'": "', b'": "\\ud800', 1), body.replace(b'": "', b'": "\xff', 1), b" " * 70000 + body))
        elif kind == 1 and isinstance(value, dict) and value:
            name = self.random.choice(list(value))
            request[4] = body[:-1] + f', "{name}": {json.dumps(value[name])}}}'.encode()
        else:
            request[4] = json.dumps(self.change(copy.deepcopy(value))).encode()

    def change(self, value):
        inside = [each for each in (value if isinstance(value, list) else list(value) if isinstance(value, dict) else [])]
        if inside and self.random.random() < 0.7:
            at = self.random.randrange(len(inside)) if isinstance(value, list) else self.random.choice(inside)
            if isinstance(value, dict) and self.random.random() < 0.3:
                del value[at]
            else:
                value[at] = self.change(value[at])
            return value
        if isinstance(value, dict):
            value[self.random.choice(("admin", "__proto__", "Customer", "total", ""))] = True
            return value
        return self.random.choice((None, True, -1, 0, 1.5, 2.0, 10**18, 10**400 if self.random.random() < 0.1 else 2**53, "", "x" * 200, [], {}, ["a"], {"$ref": "#"}, "1", "\u0000"))


class Strangers(harness.Case):
    def send(self, app, name, request):
        method, path, query, headers, body = request
        target = f"/{name}{path}" + ("?" + "&".join(f"{key}={value}" for key, value in query) if query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{app.port}", *(f"{key}: {value}" for key, value in headers)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.wire.sendall("\r\n".join(lines + ["", ""]).encode("latin1", "replace") + (body or b""))
        return self.read_answer(method)

    # (status, what was seen): read by hand, as http.client does not say what it skips.
    def read_answer(self, method):
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.wire.recv(65536)
            if not part:
                return None, None
            head += part
        head, body = head.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        fields = {line.split(b":", 1)[0].strip().lower(): line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")[1:]}
        length = 0 if method == "HEAD" or status in (204, 304) else int(fields.get(b"content-length", b"0"))
        while len(body) < length:
            part = self.wire.recv(65536)
            self.assertTrue(part, "the answer is cut off")
            body += part
        if fields.get(b"connection", b"").lower() == b"close":
            self.reconnect()
        if b"x-seen" not in fields:
            return status, None
        return status, (json.loads(body) if body else {"method": "HEAD"}) | {"count": int(fields[b"x-seen"])}

    def reconnect(self):
        self.wire.close()
        self.connect()

    def connect(self):
        connection = self.app.connection()
        connection.connect()
        self.wire = connection.sock

    def test_nothing_passes_that_the_contract_does_not_describe(self):
        self.app = self.application(MANIFEST)
        self.app.up()
        self.connect()
        for seed, name in enumerate(CONTRACTS):
            contract = Contract(name)
            stranger = Stranger(contract, seed)
            passed = refused = cut = 0
            for number in range(ROUNDS):
                spoil = number % 4 != 0
                request = stranger.spoilt() if spoil else stranger.good()
                status, seen = self.send(self.app, name, request)
                if status is None:
                    cut += 1
                    self.reconnect()
                elif seen is None:
                    refused += 1
                    self.assertTrue(spoil, (name, request, status))
                    self.assertTrue(400 <= status < 500, (name, request, status))
                else:
                    passed += 1
                    self.assertEqual(seen["count"], passed, "a request that nobody was answered")
                    if seen["method"] != "HEAD":
                        self.assertIsNone(contract.objection(seen), (name, request, seen))
            print(f"{name}: {passed} of {ROUNDS} requests passed, {refused} refused, {cut} broken off")
            self.assertGreater(passed, ROUNDS // 4 - 1)
            self.assertGreater(refused, ROUNDS // 3)
        self.wire.close()
        self.app.down()


if __name__ == "__main__":
    harness.main()
