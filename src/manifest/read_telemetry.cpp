// How long what was seen is kept, and where it goes besides.

#include <algorithm>
#include <array>

#include "manifest/draft.hpp"
#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

constexpr Duration kLeastKept = std::chrono::hours(1);
constexpr Duration kMostKept = std::chrono::hours(24 * 366);
constexpr Bytes kLeastSize{64U << 20U};
constexpr Bytes kMostSize{1ULL << 40U};
constexpr std::size_t kMostHeaders = 16;
constexpr std::string_view kUrlAllowed = "https://otlp.example or, on this machine, http://localhost:4318";

class ExportReader {
 public:
  ExportReader(Context& context, const Fields& fields, const std::vector<Secret>& secrets, TelemetryExport& into)
      : context_(context), fields_(fields), secrets_(secrets), into_(into) {}

  void run() {
    fields_.require("url", "where OTLP is taken over HTTP: url: https://otlp.example");
    read_url();
    fields_.read_text_into("ca", into_.ca);
    if (const Node* headers = fields_.find("headers")) read_headers(*headers);
    if (const Node* signals = fields_.find("signals")) read_signals(*signals);
    if (!into_.ca.empty() && !into_.url.empty() && !into_.host.tls)
      context_.report.add(fields_.mark("ca"), "telemetry", fields_.what("ca") + " is for https, and 'url' is http");
  }

 private:
  void read_url() {
    const auto url = fields_.text("url");
    if (!url) return;
    // The name of this machine is no question for a resolver.
    constexpr std::string_view kLocal = "http://localhost";
    std::string text = url->value;
    if (text.starts_with(kLocal) &&
        (text.size() == kLocal.size() || text[kLocal.size()] == ':' || text[kLocal.size()] == '/'))
      text.replace(0, kLocal.size(), "http://127.0.0.1");
    auto host = host_of_url(text);
    if (!host || text.find('?') != std::string::npos || text.find('@') != std::string::npos) {
      refuse_value(context_, *fields_.find("url"), fields_.what("url"), "an https URL without a query", kUrlAllowed);
      if (!host && url->value.starts_with("http://"))
        context_.report.last().help.emplace_back("what was seen goes over no network in the clear");
      return;
    }
    while (text.ends_with('/')) text.pop_back();
    into_.url = std::move(text);
    into_.host = std::move(*host);
  }

  void read_headers(const Node& node) {
    if (node.kind != Node::Kind::map || node.entries.empty() || node.entries.size() > kMostHeaders)
      return refuse_value(context_, node, fields_.what("headers"), "a map of header fields to names of secrets",
                          "{authorization: otlp_token}");
    for (const Entry& entry : node.entries) read_header(entry);
  }

  void read_header(const Entry& entry) {
    ExportHeader header{.name = lower_case(entry.key), .value = {}};
    constexpr std::array<std::string_view, 5> kOurs{"content-type", "content-encoding", "content-length", "host", "te"};
    const bool ours = std::ranges::find(kOurs, header.name) != kOurs.end() || is_of_the_hop(header.name);
    if (!is_token(header.name) || ours) {
      context_.report.add(entry.mark, "bad-name", fmt::format("'{}' cannot be a header of the export", entry.key))
          .allowed = "a header field that is not the platform's, such as authorization or x-api-key";
      return;
    }
    const auto name = read_text(context_, *entry.value, fields_.what("headers"));
    if (!name) return;
    const auto secret = std::ranges::find(secrets_, name->value, &Secret::name);
    if (secret == secrets_.end()) {
      context_.report.hide(entry.value->mark);  // perhaps the value itself
      Mistake& mistake = context_.report.add(name->mark, "no-such-secret",
                                             fmt::format("the value of '{}' is no name of a secret", entry.key));
      mistake.help.emplace_back(
          "a header's value is a secret: say where it comes from at the top of the manifest, secrets: {otlp_token: "
          "{file: PATH}}, and write its name here");
      return;
    }
    if (secret->source == Secret::Source::directory) {
      context_.report.add(name->mark, "secret",
                          fmt::format("'{}' is a directory, which no header holds", secret->name));
      return;
    }
    header.value.secret = *secret;
    header.value.target = secret->name;
    header.value.position = context_.report.position(name->mark);
    into_.headers.push_back(std::move(header));
  }

  void read_signals(const Node& node) {
    constexpr std::string_view kAllowed = "traces, logs, metrics";
    if (node.kind == Node::Kind::list && node.items.empty())
      return refuse_value(context_, node, fields_.what("signals"), "at least one of them", kAllowed);
    into_.traces = into_.logs = into_.metrics = false;
    for (const Text& text : read_texts(context_, node, fields_.what("signals"), kAllowed)) {
      if (text.value == "traces") {
        into_.traces = true;
      } else if (text.value == "logs") {
        into_.logs = true;
      } else if (text.value == "metrics") {
        into_.metrics = true;
      } else {
        Mistake& mistake =
            context_.report.add(text.mark, "bad-value", fmt::format("'{}' is no signal of telemetry", text.value));
        mistake.allowed = kAllowed;
      }
    }
  }

  Context& context_;
  const Fields& fields_;
  const std::vector<Secret>& secrets_;
  TelemetryExport& into_;
};

}  // namespace

void read_telemetry(Context& context, const Node& node, Application& application) {
  const Fields fields(context, node, Section::telemetry, "'telemetry' of the manifest");
  if (!fields.readable()) return;
  Telemetry& telemetry = application.telemetry;
  fields.read_duration_into("keep", kLeastKept, kMostKept, telemetry.keep);
  if (const auto text = fields.text("max_size")) {
    const auto size = parse_bytes(text->value);
    if (size && *size >= kLeastSize && *size <= kMostSize) {
      telemetry.most = *size;
    } else {
      refuse_value(context, *fields.find("max_size"), fields.what("max_size"), "a size from 64MiB to 1024GiB", "4GiB");
    }
  }
  const Node* exported = fields.find("export");
  if (!exported) return;
  const Fields words(context, *exported, Section::telemetry_export, "'export' of 'telemetry'", fields.mark("export"));
  if (!words.readable()) return;
  TelemetryExport& into = telemetry.exported.emplace();
  into.position = context.report.position(fields.mark("export"));
  ExportReader(context, words, application.secrets, into).run();
}

}  // namespace bulkhead::manifest
