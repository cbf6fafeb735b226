// What one service may use, how many of it run, and when it is ready.

#include <algorithm>

#include <fmt/format.h>

#include "manifest/units.hpp"
#include "scaffold/compose_draft.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

// "1.5g", "512M", "1073741824" as the manifest writes it; "" where it cannot.
std::string memory_of(std::string_view text) {
  std::string small = lower(trimmed(text));
  while (small.ends_with('b')) small.pop_back();
  std::uint64_t unit = 1;
  if (small.ends_with('k')) unit = 1U << 10U;
  if (small.ends_with('m')) unit = 1U << 20U;
  if (small.ends_with('g')) unit = 1U << 30U;
  if (unit != 1) small.pop_back();
  std::string whole = small.substr(0, small.find('.'));
  std::string part = small.size() > whole.size() ? small.substr(whole.size() + 1, 2) : "";
  auto count = number_of(whole);
  if (!count || *count > (1ULL << 40U)) return "";
  std::uint64_t bytes = *count * unit;
  if (auto hundredths = number_of(part.size() == 1 ? part + "0" : part)) bytes += unit * *hundredths / 100;
  std::uint64_t mebibytes = bytes >> 20U;
  return mebibytes < 4 || mebibytes > (1U << 22U) ? "" : fmt::format("{}MiB", mebibytes);
}

class BoundsReader {
 public:
  BoundsReader(ComposeContext& context, ComposeService& service) : context_(context), service_(service) {}

  void run() {
    read_limits(*service_.node, "mem_limit", "cpus", "pids_limit", "");
    if (const Node* deploy = find(*service_.node, "deploy")) read_deploy(*deploy);
    if (const Node* scale = find(*service_.node, "scale")) read_scale(*scale, "scale");
    if (const Node* limits = find(*service_.node, "ulimits")) read_ulimits(*limits);
    if (const Node* profiles = find(*service_.node, "profiles")) read_profiles(*profiles);
    if (const Node* grace = find(*service_.node, "stop_grace_period"))
      if (auto duration = manifest::parse_duration(context_.value(*grace));
          duration && *duration <= std::chrono::hours(1))
        service_.plan.stop_grace = manifest::to_string(*duration);
  }

 private:
  void limit(std::string_view key, const std::string& value) {
    std::erase_if(service_.plan.limits, [&](const auto& each) { return each.first == key; });
    service_.plan.limits.emplace_back(key, value);
  }

  void unreadable(const Node& node, const std::string& key) {
    context_.leave_out(service_, key, node.mark.line, "the value is nothing that 'limits' can say");
  }

  void read_limits(const Node& node, std::string_view memory, std::string_view cpu, std::string_view pids,
                   const std::string& prefix) {
    if (const Node* found = find(node, memory)) {
      std::string value = memory_of(context_.value(*found));
      value.empty() ? unreadable(*found, prefix + std::string(memory)) : limit("memory", value);
    }
    if (const Node* found = find(node, cpu)) {
      std::string value = context_.value(*found);
      bool number = !value.empty() && value.size() < 8 && value.find_first_not_of("0123456789.") == std::string::npos &&
                    std::ranges::count(value, '.') <= 1 && value.front() != '.' && value.back() != '.' &&
                    value.find_first_not_of("0.") != std::string::npos;
      number ? limit("cpu", value) : unreadable(*found, prefix + std::string(cpu));
    }
    if (const Node* found = find(node, pids)) {
      auto value = number_of(context_.value(*found));
      value && *value > 0 && *value <= 4'000'000 ? limit("pids", std::to_string(*value))
                                                 : unreadable(*found, prefix + std::string(pids));
    }
  }

  void read_deploy(const Node& deploy) {
    context_.check_keys(&service_, deploy, ComposePart::deploy, "deploy.");
    if (const Node* replicas = find(deploy, "replicas")) read_scale(*replicas, "deploy.replicas");
    const Node* resources = find(deploy, "resources");
    if (!resources) return;
    context_.check_keys(&service_, *resources, ComposePart::resources, "deploy.resources.");
    if (const Node* limits = find(*resources, "limits")) {
      context_.check_keys(&service_, *limits, ComposePart::limits, "deploy.resources.limits.");
      read_limits(*limits, "memory", "cpus", "pids", "deploy.resources.limits.");
    }
    if (const Node* kept = find(*resources, "reservations"))
      context_.check_keys(&service_, *kept, ComposePart::reservations, "deploy.resources.reservations.");
  }

  void read_scale(const Node& node, const std::string& key) {
    auto count = number_of(context_.value(node));
    if (!count || *count > 1000) return unreadable(node, key);
    bool keeps = !data_directory_of(service_.image.kind).empty();
    if (keeps && *count > 1)
      return context_.leave_out(service_, key, node.mark.line,
                                "several instances would share one volume: it runs once");
    if (*count != 1) service_.plan.scale = std::to_string(*count);
  }

  void read_ulimits(const Node& node) {
    for (const manifest::Entry& entry : node.entries) {
      const Node* value = entry.value->kind == Node::Kind::map ? find(*entry.value, "soft") : entry.value.get();
      auto count = value ? number_of(context_.value(*value)) : std::nullopt;
      if (entry.key == "nofile" && count && *count > 0 && *count <= 1'000'000)
        limit("files", std::to_string(*count));
      else
        context_.leave_out(service_, "ulimits." + entry.key, entry.mark.line,
                           "of ulimits only nofile (limits: {files: N}) can be said");
    }
  }

  void read_profiles(const Node& node) {
    for (const Node* item : items_of(node))
      if (item->kind == Node::Kind::scalar) service_.plan.profiles.push_back(context_.value(*item));
  }

  ComposeContext& context_;
  ComposeService& service_;
};

// The path and port that a health check's command asks for over HTTP.
struct Asked {
  std::string path;
  std::uint16_t port = 0;
};
std::optional<Asked> asked_by(std::string_view command) {
  if (!contains_any(command, {"curl", "wget", "http"})) return std::nullopt;
  std::size_t at = command.find("://");
  std::size_t begin = at == std::string_view::npos ? command.find("localhost") : at + 3;
  if (begin == std::string_view::npos) return std::nullopt;
  std::string_view rest = command.substr(begin);
  rest = rest.substr(0, rest.find_first_of(" \t\"'|);,&"));
  std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view host = rest.substr(0, slash);
  Asked asked{std::string(rest.substr(slash)), 0};
  if (asked.path.empty()) asked.path = "/";
  if (at != std::string_view::npos && command.substr(0, at).ends_with("http")) asked.port = 80;
  if (std::size_t colon = host.rfind(':'); colon != std::string_view::npos)
    asked.port = port_of(host.substr(colon + 1)).value_or(0);
  return asked;
}

}  // namespace

void read_bounds(ComposeContext& context, ComposeService& service) { BoundsReader(context, service).run(); }

void read_health(ComposeContext& context, ComposeService& service) {
  const Node* node = find(*service.node, "healthcheck");
  if (!node || node->kind != Node::Kind::map) return;
  context.check_keys(&service, *node, ComposePart::healthcheck, "healthcheck.");
  HealthPlan& health = service.plan.health;
  auto duration = [&](std::string_view key, std::string& into, std::chrono::milliseconds least,
                      std::chrono::milliseconds most) {
    const Node* found = find(*node, key);
    auto read = found ? manifest::parse_duration(context.value(*found)) : manifest::parse_duration("");
    if (read) into = manifest::to_string(std::clamp(*read, least, most));
  };
  using namespace std::chrono_literals;
  if (const Node* off = find(*node, "disable"); off && off->text == "true") {
    health.type = "tcp";
    return;
  }
  duration("interval", health.interval, 100ms, 60min);
  duration("timeout", health.timeout, 100ms, 60min);
  if (const Node* found = find(*node, "retries"))
    if (auto count = number_of(context.value(*found)); count && *count >= 1 && *count <= 100)
      health.retries = std::to_string(*count);
  // Compose counts no failure in that time; here an instance has failed that is not ready by its end.
  std::string start;
  duration("start_period", start, 1min, 60min);
  if (start != "1m") health.start_period = start;
  const Node* test = find(*node, "test");
  if (!test) return;
  std::string command;
  for (const Node* item : items_of(*test)) command += context.value(*item) + " ";
  if (command.starts_with("NONE")) {
    health = {.type = "tcp"};
  } else if (auto asked = asked_by(command)) {
    health.path = escaped(asked->path);
    health.port = asked->port;
  } else {
    context.leave_out(service, "healthcheck.test", test->mark.line,
                      "no command is run inside: its port is asked instead");
  }
}

}  // namespace bulkhead::scaffold
