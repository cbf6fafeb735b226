// A backend of OpenTelemetry: backend.js PORT [KEY.pem CERTIFICATE.pem]. It takes OTLP over HTTP, decodes it by the definitions that
// OpenTelemetry itself publishes, and prints one line of JSON for each request, behind a first one that says that it listens. A number
// on its standard input is the status that it answers from then on.
const zlib = require("zlib");
const { opentelemetry } = require("@opentelemetry/otlp-transformer/build/src/generated/root.js");

const collector = opentelemetry.proto.collector;
const KINDS = {
  "/v1/traces": collector.trace.v1.ExportTraceServiceRequest,
  "/v1/logs": collector.logs.v1.ExportLogsServiceRequest,
  "/v1/metrics": collector.metrics.v1.ExportMetricsServiceRequest,
};
let status = 200;
process.stdin.on("data", (data) => { status = parseInt(data.toString(), 10) || status; });

const answer = (request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const place = request.url.replace(/^\/base/, "");
    const body = Buffer.concat(parts);
    const seen = { place, status, headers: request.headers, size: body.length };
    const plain = request.headers["content-encoding"] === "gzip" ? zlib.gunzipSync(body) : body;
    const kind = KINDS[place];
    seen.message = kind.toObject(kind.decode(plain), { longs: String, enums: String, bytes: String });
    console.log(JSON.stringify(seen));
    response.writeHead(status, { "content-type": "application/x-protobuf" });
    response.end();
  });
};
const [port, key, certificate] = process.argv.slice(2);
const read = (path) => require("fs").readFileSync(path);
const server = key ? require("https").createServer({ key: read(key), cert: read(certificate) }, answer) : require("http").createServer(answer);
server.listen(parseInt(port, 10), "127.0.0.1", () => console.log("ready"));
