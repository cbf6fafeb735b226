// An instrumented program as OpenTelemetry's guides have it: exporters configured by nothing but the environment, a span around each request,
// one below it, and a log record within. What the path begins with chooses the exporter.
const http = require("http");
const {context, propagation, trace, SpanKind, SpanStatusCode} = require("@opentelemetry/api");
const {SeverityNumber} = require("@opentelemetry/api-logs");
const {BatchSpanProcessor, NodeTracerProvider} = require("@opentelemetry/sdk-trace-node");
const {LoggerProvider, SimpleLogRecordProcessor} = require("@opentelemetry/sdk-logs");
const {OTLPLogExporter} = require("@opentelemetry/exporter-logs-otlp-proto");
const exporters = {
  json: new (require("@opentelemetry/exporter-trace-otlp-http").OTLPTraceExporter)(),
  proto: new (require("@opentelemetry/exporter-trace-otlp-proto").OTLPTraceExporter)({compression: "gzip"}),
  grpc: new (require("@opentelemetry/exporter-trace-otlp-grpc").OTLPTraceExporter)(),
};

const {MeterProvider, PeriodicExportingMetricReader} = require("@opentelemetry/sdk-metrics");
const meters = {
  json: new (require("@opentelemetry/exporter-metrics-otlp-http").OTLPMetricExporter)(),
  proto: new (require("@opentelemetry/exporter-metrics-otlp-proto").OTLPMetricExporter)(),
  grpc: new (require("@opentelemetry/exporter-metrics-otlp-grpc").OTLPMetricExporter)(),
};
for (const [name, exporter] of Object.entries(meters)) {
  meters[name] = new MeterProvider({readers: [new PeriodicExportingMetricReader({exporter, exportIntervalMillis: 3600000})]});
}
const measures = {};
for (const [name, provider] of Object.entries(meters)) {
  const meter = provider.getMeter("service");
  measures[name] = {
    orders: meter.createCounter(`orders.${name}`, {description: "Orders that were taken"}),
    took: meter.createHistogram(`took.${name}`, {unit: "ms", advice: {explicitBucketBoundaries: [10, 100]}}),
    left: meter.createUpDownCounter(`left.${name}`),
  };
}

const providers = {};
for (const [name, exporter] of Object.entries(exporters)) {
  providers[name] = new NodeTracerProvider({spanProcessors: [new BatchSpanProcessor(exporter)]});
}
providers.json.register(); // for the propagator and the context manager
const logs = new LoggerProvider();
logs.addLogRecordProcessor(new SimpleLogRecordProcessor(new OTLPLogExporter()));
const logger = logs.getLogger("service");

http
  .createServer((request, response) => {
    const name = request.url.split("/")[1];
    if (!providers[name]) return response.end("ready\n");
    const tracer = providers[name].getTracer("service", "1.0.0");
    const parent = propagation.extract(context.active(), request.headers);
    tracer.startActiveSpan(`handle ${name}`, {kind: SpanKind.SERVER}, parent, async (span) => {
      tracer.startActiveSpan("look it up", {kind: SpanKind.CLIENT, attributes: {"db.system": "postgresql", rows: 7, tags: ["a", "b"]}}, (inner) => {
        inner.addEvent("found", {cached: false});
        inner.setStatus({code: SpanStatusCode.ERROR, message: "deadlock"});
        logger.emit({severityNumber: SeverityNumber.WARN, body: "few are left", attributes: {item: name}});
        inner.end();
      });
      span.end();
      measures[name].orders.add(2, {"shop.kind": "books"});
      measures[name].took.record(42.5);
      measures[name].left.add(-3);
      await Promise.all([providers[name].forceFlush(), meters[name].forceFlush()]).then(() => response.end("told\n"), (error) => response.end(`not told: ${error}\n`));
    });
  })
  .listen(process.env.PORT);
