#include "plan.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {

namespace {

Nanos seconds(const std::string& text) { return Nanos(static_cast<std::int64_t>(std::stod(text) * 1e9)); }

bool set(Plan& plan, const std::string& name, const std::string& value) {
  if (name == "host")
    plan.host = value;
  else if (name == "port")
    plan.port = value;
  else if (name == "protocol")
    plan.protocol = value;
  else if (name == "path")
    plan.path = value;
  else if (name == "bearer")
    plan.bearer = value;
  else if (name == "tls")
    plan.tls = value == "1";
  else if (name == "certificate")
    plan.certificate = value;
  else if (name == "resume")
    plan.resume = value == "1";
  else if (name == "body")
    plan.body = std::stoull(value);
  else if (name == "connections")
    plan.connections = static_cast<std::uint32_t>(std::stoul(value));
  else if (name == "streams")
    plan.streams = static_cast<std::uint32_t>(std::stoul(value));
  else if (name == "rate")
    plan.rate = std::stod(value);
  else if (name == "begin")
    plan.begin = seconds(value);
  else if (name == "seconds")
    plan.length = seconds(value);
  else
    return false;
  return true;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

}  // namespace

Plan read_plan(const std::vector<std::string>& words) {
  Plan plan;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == word.npos || !set(plan, word.substr(0, equals), word.substr(equals + 1)))
      throw std::runtime_error("what is " + word + "?");
  }
  if (!plan.protocol.starts_with("grpc") && plan.protocol != "http2") plan.streams = 1;
  if (plan.begin == Nanos::zero()) plan.begin = now() + std::chrono::seconds(1);
  return plan;
}

std::string Tally::json() {
  std::ranges::sort(latencies_);
  const auto micros = [this](double part) {
    if (latencies_.empty()) return 0.0;
    const auto last = static_cast<double>(latencies_.size() - 1);
    return static_cast<double>(latencies_[static_cast<std::size_t>(part * last)]) / 1e3;
  };
  return fmt::format(
      "{{\"done\": {}, \"answered\": {}, \"seconds\": {}, \"errors\": {}, \"first_error\": {}, \"p50_us\": {:.1f}, "
      "\"p99_us\": {:.1f}, "
      "\"p999_us\": {:.1f}, \"max_us\": {:.1f}}}\n",
      latencies_.size(), answered_, static_cast<double>((end_ - begin_).count()) / 1e9, errors_, quoted(first_error_),
      micros(0.5), micros(0.99), micros(0.999), micros(1));
}

}  // namespace bench
