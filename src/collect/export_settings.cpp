#include "collect/export_settings.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace bulkhead::collect {

using nlohmann::json;

Result<std::optional<ExportSettings>> read_export(const json& message) {
  if (message.is_null()) return std::nullopt;
  if (!message.is_object()) return fail(Cause::invalid, "export: no object");
  ExportSettings settings;
  try {
    settings.app = message.at("app").get<std::string>();
    settings.url = message.at("url").get<std::string>();
    settings.egress.name = "export";
    settings.egress.host = message.at("host").get<std::string>();
    settings.egress.port = message.at("port").get<std::uint16_t>();
    settings.egress.scheme = message.at("tls").get<bool>() ? proxy::Scheme::https : proxy::Scheme::http;
    settings.egress.allow_private = true;  // who wrote the manifest chose it; no service can
    settings.anchors_pem = message.value("anchors", "");
    for (const auto& [name, value] : message.at("headers").items())
      settings.headers.emplace_back(name, value.get<std::string>());
    const auto signals = message.at("signals").get<std::vector<std::string>>();
    const auto wanted = [&](const char* signal) { return std::ranges::find(signals, signal) != signals.end(); };
    settings.traces = wanted("traces");
    settings.logs = wanted("logs");
    settings.metrics = wanted("metrics");
  } catch (const json::exception&) {
    return fail(Cause::invalid, "export: a member is missing, or is not what it should be");
  }
  const std::size_t begin = settings.url.find("://");
  const std::size_t end = begin == std::string::npos ? begin : settings.url.find('/', begin + 3);
  if (begin == std::string::npos) return fail(Cause::invalid, "export: {} is no URL", settings.url);
  settings.authority = settings.url.substr(begin + 3, end == std::string::npos ? end : end - begin - 3);
  settings.path = end == std::string::npos ? "" : settings.url.substr(end);
  return settings;
}

}  // namespace bulkhead::collect
