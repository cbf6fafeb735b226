#include "scaffold/write.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::size_t kLongestComment = 110;
constexpr std::size_t kLongestFlow = 110;  // of a list on one line

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

bool is_plain(std::string_view text) {
  constexpr std::string_view kFirst = "-?:@%=+";  // what may not begin a plain scalar, or reads oddly there
  auto fits = [](char c) { return is_host_letter(c) || c == '/' || c == '@' || c == '+' || c == '='; };
  return !is_null_word(text) && kFirst.find(text.front()) == std::string_view::npos && std::ranges::all_of(text, fits);
}

std::string comment(std::string_view text) {
  std::string line = replaced(std::string(trimmed(text)), "\n", " ");
  std::size_t end = std::min(line.size(), kLongestComment);
  while (end < line.size() && (static_cast<unsigned char>(line[end]) & 0xc0U) == 0x80) --end;  // whole characters
  bool cut = end < line.size();
  line.resize(end);
  std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return line + (cut ? "..." : "");
}

// Whether it can stand as a literal block, which a person can read.
bool is_block(std::string_view text) {
  if (!contains(text, "\n") || text.front() == ' ' || text.front() == '\n' || text.ends_with("\n\n")) return false;
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 || c == '\n'; });
}

class Writer {
 public:
  explicit Writer(const Plan& plan) : plan_(plan) {}

  std::string run() {
    for (std::string_view line : lines_of(plan_.head)) add(fmt::format("# {}", comment(line)));
    add("app: " + plan_.app);
    write_secrets();
    add("services:");
    for (const ServicePlan& service : plan_.services) write_service(service);
    write_gateway(plan_.gateway);
    return std::move(text_);
  }

  int line_of(const std::string& service, const std::string& key) const {
    auto found = lines_.find({service, key});
    if (found == lines_.end()) found = lines_.find({service, ""});
    return found == lines_.end() ? 0 : found->second;
  }

 private:
  void add(std::string_view line, std::string_view why = "") {
    text_ += line;
    if (!why.empty()) text_ += "  # " + comment(why);
    text_ += '\n';
    ++line_;
  }

  // A line that begins a key of the service at hand.
  void key(std::string_view name, std::string_view value, std::string_view why = "") {
    lines_.emplace(std::pair(service_, std::string(name)), line_ + 1);
    add(fmt::format("    {}:{}{}", name, value.empty() ? "" : " ", value), why);
  }

  void item(std::string_view line, std::string_view why = "") { add(fmt::format("      {}", line), why); }

  void write_secrets() {
    if (plan_.secrets.empty()) return;
    add("secrets:");
    for (const SecretPlan& secret : plan_.secrets)
      add(fmt::format("  {}: {{{}: {}}}", yaml_scalar(secret.name), secret.source, yaml_scalar(secret.from)),
          secret.why);
  }

  void write_granted(const ServicePlan& service) {
    if (service.secrets.empty()) return;
    key("secrets", "");
    for (const GrantedSecretPlan& each : service.secrets) {
      std::string line = "source: " + yaml_scalar(each.source);
      auto part = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) line += fmt::format(", {}: {}", name, yaml_scalar(value));
      };
      part("target", each.target);
      part("env", each.env);
      part("mode", each.mode);
      bool is_short = each.target.empty() && each.env.empty() && each.mode.empty();
      item(is_short ? "- " + yaml_scalar(each.source) : fmt::format("- {{{}}}", line));
    }
  }

  void write_service(const ServicePlan& service) {
    service_ = service.name;
    lines_.emplace(std::pair(service_, std::string()), line_ + 1);
    add(fmt::format("  {}:", service.name), service.why);
    if (service.is_job) key("type", "job");
    if (!service.dir.empty()) key("dir", yaml_scalar(service.dir));
    write_command(service);
    write_build(service);
    if (!service.rootfs.empty()) key("rootfs", yaml_scalar(service.rootfs));
    write_mounts(service);
    write_ports(service);
    write_environment(service);
    write_granted(service);
    write_calls(service);
    write_egress(service);
    write_rest(service);
  }

  static std::string flow(const std::vector<std::string>& values) {
    std::vector<std::string> quoted;
    for (const std::string& value : values) quoted.push_back(yaml_scalar(value));
    return "[" + joined(quoted, ", ") + "]";
  }

  void write_command(const ServicePlan& service) {
    std::string one_line = flow(service.command);
    bool has_block = std::ranges::any_of(service.command, is_block);
    if (!has_block && one_line.size() <= kLongestFlow) return key("command", one_line, service.command_why);
    key("command", "", service.command_why);
    for (const std::string& word : service.command) {
      if (!is_block(word)) {
        item("- " + yaml_scalar(word));
        continue;
      }
      item(word.ends_with('\n') ? "- |" : "- |-");
      for (std::string_view line : lines_of(word)) add(line.empty() ? "" : fmt::format("        {}", line));
    }
  }

  void write_build(const ServicePlan& service) {
    if (service.build.empty()) return;
    std::string line = yaml_scalar(service.build);
    key("build", service.build_dir.empty()
                     ? line
                     : fmt::format("{{command: {}, dir: {}}}", line, yaml_scalar(service.build_dir)));
  }

  void write_mounts(const ServicePlan& service) {
    if (service.mounts.empty()) return;
    key("mounts", "");
    for (const MountPlan& mount : service.mounts) {
      bool in_parts = contains(mount.from, ":") || contains(mount.to, ":");
      std::string short_form = fmt::format("{}:{}{}", mount.from, mount.to, mount.writable ? ":rw" : "");
      item(in_parts ? fmt::format("- {{from: {}, to: {}, read_only: {}}}", yaml_scalar(mount.from),
                                  yaml_scalar(mount.to), !mount.writable)
                    : "- " + yaml_scalar(short_form),
           mount.why);
    }
  }

  static std::string_view to_string(Protocol protocol) {
    return protocol == Protocol::http ? "http" : protocol == Protocol::grpc ? "grpc" : "tcp";
  }

  void write_ports(const ServicePlan& service) {
    if (service.ports.empty()) return;
    const PortPlan& first = service.ports.front();
    if (service.ports.size() == 1) {
      key("port", std::to_string(first.number), first.why);
      if (first.protocol != Protocol::http) key("protocol", to_string(first.protocol));
      return;
    }
    key("ports", "");
    for (const PortPlan& port : service.ports)
      item(port.protocol == Protocol::http
               ? fmt::format("- {}", port.number)
               : fmt::format("- {{number: {}, protocol: {}}}", port.number, to_string(port.protocol)),
           port.why);
  }

  void write_environment(const ServicePlan& service) {
    if (!service.env_files.empty()) key("env_file", flow(service.env_files));
    if (service.environment.empty()) return;
    key("environment", "");
    for (const VariablePlan& variable : service.environment) {
      lines_.emplace(std::pair(service_, "environment." + variable.name), line_ + 1);
      item(fmt::format("{}: {}", variable.name, yaml_scalar(variable.value)), variable.why);
    }
  }

  void write_calls(const ServicePlan& service) {
    if (service.calls.empty()) return;
    key("calls", "");
    for (const CallPlan& call : service.calls)
      item(call.at == 0 ? call.service + ":" : fmt::format("{}: {{at: \"localhost:{}\"}}", call.service, call.at),
           call.why);
  }

  void write_egress(const ServicePlan& service) {
    if (service.egress.empty()) return;
    key("egress", "");
    for (const EgressPlan& egress : service.egress)
      item(fmt::format("{}: {}", egress.name, yaml_scalar(egress.address)), egress.why);
  }

  void write_rest(const ServicePlan& service) {
    if (!service.limits.empty()) {
      std::vector<std::string> parts;
      for (const auto& [name, value] : service.limits) parts.push_back(fmt::format("{}: {}", name, value));
      key("limits", fmt::format("{{{}}}", joined(parts, ", ")));
    }
    if (!service.health.empty()) key("healthcheck", health(service.health));
    if (!service.scale.empty()) key("scale", service.scale);
    if (!service.depends_on.empty()) {
      std::vector<std::string> parts;
      for (const DependencyPlan& each : service.depends_on)
        parts.push_back(fmt::format("{}: {}", each.service, each.condition));
      key("depends_on", fmt::format("{{{}}}", joined(parts, ", ")));
    }
    if (!service.profiles.empty()) key("profiles", flow(service.profiles));
    if (!service.stop_grace.empty()) key("stop_grace", service.stop_grace);
  }

  static std::string health(const HealthPlan& plan) {
    std::vector<std::string> parts;
    auto part = [&](std::string_view name, const std::string& value) {
      if (!value.empty()) parts.push_back(fmt::format("{}: {}", name, yaml_scalar(value)));
    };
    part("type", plan.type);
    part("path", plan.path);
    part("port", plan.port == 0 ? "" : std::to_string(plan.port));
    part("interval", plan.interval);
    part("timeout", plan.timeout);
    part("retries", plan.retries);
    part("start_period", plan.start_period);
    return fmt::format("{{{}}}", joined(parts, ", "));
  }

  void write_gateway(const GatewayPlan& gateway) {
    if (gateway.routes.empty()) return;
    service_ = "gateway";
    lines_.insert_or_assign(std::pair(service_, std::string("gateway")), line_ + 1);
    add("gateway:");
    if (!gateway.listen.empty()) {
      add("  listen: " + yaml_scalar(gateway.listen), gateway.listen_why);
      if (gateway.plain_http) add("  tls: off");
    }
    add("  routes:");
    for (const RoutePlan& route : gateway.routes) {
      std::string host = route.host.empty() ? "" : fmt::format("host: {}, ", yaml_scalar(route.host));
      add(fmt::format("    - {{match: {{{}path: {}}}, to: {}}}", host, flow_scalar(route.path), route.to), route.why);
    }
  }

  static std::string flow_scalar(const std::string& path) { return path == "/*" ? path : yaml_scalar(path); }

  const Plan& plan_;
  std::string text_;
  int line_ = 0;
  std::string service_;
  std::map<std::pair<std::string, std::string>, int> lines_;
};

}  // namespace

std::string yaml_scalar(std::string_view value) {
  if (is_plain(value)) return std::string(value);
  std::string quoted = "\"";
  for (char c : value) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (quoted += '\\') += c;
    else if (c == '\n')
      quoted += "\\n";
    else if (c == '\t')
      quoted += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      quoted += fmt::format("\\x{:02x}", byte);
    else
      quoted += c;
  }
  return quoted + "\"";
}

std::string write(Plan& plan) {
  Writer writer(plan);
  std::string text = writer.run();
  for (Edit& edit : plan.edits) edit.line = edit.service.empty() ? 0 : writer.line_of(edit.service, edit.key);
  return text;
}

}  // namespace bulkhead::scaffold
