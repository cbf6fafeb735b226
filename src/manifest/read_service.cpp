#include <algorithm>
#include <charconv>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::uint32_t kMostInstances = 1000;

void read_command(Context& context, const Fields& fields, Service& service) {
  if (!service.image) fields.require("command", "the program to run, as a list: command: [python3, app.py]");
  const Node* node = fields.find("command");
  if (!node) return;
  std::vector<Text> texts = read_texts(context, *node, fields.what("command"), "[program, argument, ...]");
  if (node->kind == Node::Kind::list) {
    for (Text& text : texts) service.command.push_back(std::move(text.value));
    if (node->items.empty()) refuse_value(context, *node, fields.what("command"), "a program and its arguments");
  } else if (!texts.empty()) {
    auto words = split_command(texts.front().value);
    if (!words) {
      context.report.add(node->mark, "bad-command",
                         fmt::format("{} has {}", fields.what("command"), words.error().message));
      return;
    }
    service.command = std::move(*words);
    if (service.command.empty()) refuse_value(context, *node, fields.what("command"), "a program and its arguments");
  }
  if (!service.command.empty() && service.command.front().empty()) {
    refuse_value(context, *node, fields.what("command"), "a program and its arguments");
  }
}

std::optional<double> processors(std::string_view text) {
  double value = 0;
  bool digits_only = std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!digits_only || error != std::errc{} || end != text.data() + text.size() || value < 0.01 || value > 1024) {
    return std::nullopt;
  }
  return value;
}

void read_limits(Context& context, const Node& node, Service& service) {
  constexpr Bytes kLeastMemory{4U << 20U};
  Fields fields(context, node, Section::limits, fmt::format("the limits of service '{}'", service.name));
  if (!fields.readable()) return;
  Limits& limits = service.limits;
  if (auto text = fields.text("memory")) {
    auto bytes = parse_bytes(text->value);
    if (bytes && *bytes >= kLeastMemory)
      limits.memory = *bytes;
    else
      refuse_value(context, *fields.find("memory"), fields.what("memory"), "an amount of memory, 4MiB or more",
                   "a whole number with KiB, MiB or GiB, such as 128MiB");
  }
  if (auto text = fields.text("cpu")) {
    limits.cpu = processors(text->value);
    if (!limits.cpu) {
      refuse_value(context, *fields.find("cpu"), fields.what("cpu"), "a number of processors from 0.01 to 1024");
    }
  }
  auto count = [&](std::string_view key, std::uint32_t most, std::optional<std::uint32_t>& into) {
    std::uint32_t value = 0;
    fields.read_number_into(key, 1, most, value);
    if (value != 0) into = value;
  };
  count("pids", 4'000'000, limits.pids);
  count("files", 1'000'000, limits.files);
}

bool is_profile(std::string_view text) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, allowed);
}

void read_profiles(Context& context, const Fields& fields, ServiceDraft& draft) {
  const Node* node = fields.find("profiles");
  if (!node) return;
  const auto& active = context.options.profiles;
  draft.active = std::ranges::find(active, "*") != active.end();
  for (Text& profile : read_texts(context, *node, fields.what("profiles"))) {
    if (!is_profile(profile.value)) {
      Mistake& mistake =
          context.report.add(profile.mark, "bad-name", fmt::format("'{}' cannot be a profile", profile.value));
      mistake.allowed = "letters, digits, '-', '_' and '.'";
    }
    draft.active = draft.active || std::ranges::find(active, profile.value) != active.end();
    draft.service.profiles.push_back(std::move(profile.value));
  }
}

void read_type(Context& context, const Fields& fields, Service& service) {
  auto text = fields.text("type");
  if (!text) return;
  if (text->value == "job")
    service.type = ServiceType::job;
  else if (text->value != "service")
    refuse_value(context, *fields.find("type"), fields.what("type"), "service or job");
}

// A job runs to its end: nothing can call it, so it has nothing to listen on.
void refuse_of_job(Context& context, const Fields& fields, std::string_view name) {
  for (std::string_view key :
       {"port", "ports", "protocol", "healthcheck", "scale", "concurrency", "update", "contract"}) {
    if (!fields.find(key)) continue;
    Mistake& mistake =
        context.report.add(fields.mark(key), "job", fmt::format("the job '{}' cannot have '{}'", name, key));
    mistake.help.emplace_back("a job runs to its end, and nothing calls it: remove the key, or 'type: job'");
  }
}

void read_env_files(Context& context, const Fields& fields, Service& service) {
  const Node* node = fields.find("env_file");
  if (!node) return;
  for (Text& text : read_texts(context, *node, fields.what("env_file")))
    service.env_file.push_back(std::move(text.value));
}

bool is_image(std::string_view text) {
  const bool oci = text.starts_with("oci:") && text.size() > 4 && text[4] != ':';
  const bool docker = text.starts_with("docker://") && text.size() > 9 && text[9] != '/' && text[9] != '-';
  return (oci || docker) && std::ranges::none_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

// Where the root file system comes from; before `command` and `dir`, which an image brings.
void read_root(Context& context, const Fields& fields, Service& service) {
  if (auto text = fields.text("rootfs")) service.rootfs = text->value;
  auto image = fields.text("image");
  if (!image) return;
  if (!is_image(image->value)) {
    refuse_value(
        context, *fields.find("image"), fields.what("image"), "an image and where it is",
        "oci:DIRECTORY, oci:DIRECTORY:TAG or docker://HOST/NAME:TAG, such as docker://docker.io/library/redis:7");
  } else if (service.rootfs) {
    Mistake& mistake = context.report.add(fields.mark("image"), "two-roots",
                                          fmt::format("service '{}' has both 'image' and 'rootfs'", service.name));
    mistake.help.emplace_back("each is the whole root file system: remove one");
  }
  service.image = image->value;
  service.dir.clear();
}

void read_fields(Context& context, const Fields& fields, ServiceDraft& draft) {
  Service& service = draft.service;
  read_type(context, fields, service);
  read_root(context, fields, service);
  fields.read_text_into("dir", service.dir);
  read_build(context, fields, service);
  read_command(context, fields, service);
  if (const Node* node = fields.find("mounts")) read_mounts(context, *node, service);
  if (service.type == ServiceType::job)
    refuse_of_job(context, fields, service.name);
  else
    read_ports(context, fields, service);
  read_env_files(context, fields, service);
  read_environment(context, fields, service);
  if (const Node* node = fields.find("secrets")) read_granted_secrets(context, *node, draft);
  if (const Node* node = fields.find("calls")) read_calls(context, *node, draft);
  if (const Node* node = fields.find("egress")) read_egress(context, *node, service);
  if (const Node* node = fields.find("limits")) read_limits(context, *node, service);
  if (const Node* node = fields.find("healthcheck")) read_health(context, *node, draft);
  fields.read_number_into("scale", 0, kMostInstances, service.scale);
  read_concurrency(context, fields, draft);
  read_update(context, fields, service);
  read_contract(context, fields, service);
  read_job(context, fields, service);
  if (const Node* node = fields.find("depends_on")) read_dependencies(context, *node, service);
  read_one_line(context, fields, "owner", service.owner);
  read_profiles(context, fields, draft);
  if (const Node* node = fields.find("debug"))
    read_debug(context, *node, fmt::format("'debug' of service '{}'", service.name), service.debug);
  service.mode = read_mode(context, fields);
  using std::chrono::hours;
  if (auto grace = fields.duration("stop_grace", Duration(0), hours(1))) service.stop_grace = *grace;
}

}  // namespace

std::optional<Mode> read_mode(Context& context, const Fields& fields) {
  const auto text = fields.text("mode");
  if (!text) return std::nullopt;
  for (const Mode mode : {Mode::enforce, Mode::audit, Mode::learn})
    if (text->value == to_string(mode)) return mode;
  refuse_value(context, *fields.find("mode"), fields.what("mode"), "enforce, audit or learn", "enforce, audit, learn");
  return std::nullopt;
}

void read_one_line(Context& context, const Fields& fields, std::string_view key, std::string& into) {
  fields.read_text_into(key, into);
  if (into.size() > 200 || into.find('\n') != std::string::npos) {
    refuse_value(context, *fields.find(key), fields.what(key), "one line of at most 200 bytes");
  }
}

void read_service(Context& context, const Entry& entry, Draft& draft) {
  ServiceDraft service;
  service.mark = entry.mark;
  service.service.name = entry.key;
  service.service.position = context.report.position(entry.mark);
  bool named = check_name(context, entry.mark, entry.key, "a service");
  if (entry.key == "localhost") {
    context.report.add(entry.mark, "bad-name",
                       "'localhost' cannot be the name of a service: it is each compartment's own");
  }
  Fields fields(context, *entry.value, Section::service, fmt::format("service '{}'", entry.key), entry.mark);
  if (fields.readable()) read_fields(context, fields, service);
  if (!named) return;
  draft.places.emplace(entry.key, draft.services.size());
  draft.services.push_back(std::move(service));
}

const ServiceDraft* Draft::find(std::string_view name) const {
  auto found = places.find(name);
  return found == places.end() ? nullptr : &services[found->second];
}

}  // namespace bulkhead::manifest
