#include "compartments/spec.hpp"

#include <array>
#include <concepts>
#include <filesystem>
#include <iterator>
#include <limits>
#include <set>

#include <nlohmann/json.hpp>

namespace bulkhead::compartments {
namespace {

using Json = nlohmann::json;

// Reads the members of one object; the first mistake is kept, later reads do nothing. done() refuses members that
// nobody asked for.
class Members {
 public:
  Members(const Json& json, std::string where, std::optional<Fault>& fault)
      : json_(json), where_(std::move(where)), fault_(fault) {
    if (!json.is_object()) refuse("", "an object");
  }

  void text(const char* name, std::string& out) {
    if (const Json* value = find(name)) take_text(*value, name, out);
  }
  void flag(const char* name, bool& out) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_boolean()) return refuse(name, "true or false");
    out = value->get<bool>();
  }
  template <std::integral T>
  void number(const char* name, T& out) {
    const Json* value = find(name);
    if (value == nullptr) return;
    const bool fits =
        value->is_number_unsigned() && value->get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<T>::max()};
    if (!fits) return refuse(name, "a number from 0 in range");
    out = value->get<T>();
  }
  template <std::integral T>
  void number(const char* name, std::optional<T>& out) {
    if (!json_.is_object() || !json_.contains(name)) return;
    number(name, out.emplace());
  }
  void words(const char* name, std::vector<std::string>& out) {
    list(name, [&](const Json& item, const std::string&) { take_text(item, name, out.emplace_back()); });
  }
  void variables(const char* name, std::map<std::string, std::string>& out) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_object()) return refuse(name, "an object");
    for (const auto& [key, item] : value->items()) {
      if (key.empty() || key.find('=') != std::string::npos || key.find('\0') != std::string::npos) {
        return refuse(name, "names of variables");
      }
      take_text(item, name, out[key]);
    }
  }
  template <class Each>  // void(const Json& item, const std::string& where)
  void list(const char* name, Each&& each) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return refuse(name, "a list");
    std::size_t index = 0;
    for (const auto& item : *value) {
      if (fault_) return;
      each(item, fmt::format("{}{}[{}]", prefix(), name, index++));
    }
  }
  const Json* find(const char* name) {
    if (fault_ || !json_.is_object()) return nullptr;
    known_.insert(name);
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }
  void refuse(std::string_view name, std::string_view allowed) {
    if (!fault_) fault_ = Fault{Cause::invalid, fmt::format("{}{}: expected {}", prefix(), name, allowed)};
  }
  void done() {
    if (fault_ || !json_.is_object()) return;
    for (const auto& [key, value] : json_.items()) {
      if (!known_.contains(key)) {
        fault_ = Fault{Cause::invalid, fmt::format("{}{}: not a known member", prefix(), key)};
        return;
      }
    }
  }

 private:
  std::string prefix() const { return where_.empty() ? "" : where_ + "."; }
  void take_text(const Json& value, const char* name, std::string& out) {
    if (!value.is_string()) return refuse(name, "text");
    out = value.get<std::string>();
    if (out.find('\0') != std::string::npos) refuse(name, "text without NUL");
  }
  const Json& json_;
  std::string where_;
  std::optional<Fault>& fault_;
  std::set<std::string, std::less<>> known_;
};

using Problem = std::optional<Fault>;

template <class Enum, std::size_t N>
void read_enum(Members& members, const char* name, const std::array<std::pair<std::string_view, Enum>, N>& values,
               Enum& out) {
  std::string text;
  members.text(name, text);
  for (const auto& [word, value] : values) {
    if (text == word) {
      out = value;
      return;
    }
  }
  members.refuse(name, "one of its words");
}

constexpr std::array<std::pair<std::string_view, IdMapping>, 3> kMappings = {
    {{"direct", IdMapping::direct}, {"helper", IdMapping::helper}, {"single", IdMapping::single}}};

Limits read_limits(const Json& json, const std::string& where, Problem& fault) {
  Limits limits;
  Members members(json, where, fault);
  members.number("memory_bytes", limits.memory_bytes);
  members.number("cpu_millis", limits.cpu_millis);
  members.number("pids", limits.pids);
  members.done();
  return limits;
}

Ids read_ids(const Json& json, const std::string& where, Problem& fault) {
  Ids ids;
  Members members(json, where, fault);
  read_enum(members, "mapping", kMappings, ids.mapping);
  members.number("service_uid", ids.service_uid);
  members.number("service_gid", ids.service_gid);
  members.done();
  // The one mistake that would hand the host over.
  if (!fault && ids.mapping != IdMapping::single && (ids.service_uid == 0 || ids.service_gid == 0)) {
    members.refuse("service_uid", "another id than the host's root");
  }
  return ids;
}

CgroupDirectory read_cgroup(const Json& json, const std::string& where, Problem& fault) {
  CgroupDirectory directory;
  Members members(json, where, fault);
  members.text("path", directory.path);
  members.number("version", directory.version);
  std::vector<std::string> names;
  members.words("controllers", names);
  for (const auto& name : names) {
    bool found = false;
    for (const auto controller : {CgroupController::memory, CgroupController::cpu, CgroupController::pids}) {
      if (name != to_string(controller)) continue;
      directory.controllers.push_back(controller);
      found = true;
    }
    if (!found) members.refuse("controllers", "memory, cpu or pids");
  }
  members.done();
  return directory;
}

template <class T, class Read>
void read_list(Members& members, const char* name, std::vector<T>& out, Read read) {
  members.list(name, [&](const Json& item, const std::string& where) { out.push_back(read(item, where)); });
}

// What lies there is the kernel's, and stays it.
bool can_be_mounted_at(const std::string& target) {
  const std::filesystem::path path(target);
  if (!path.is_absolute() || path.lexically_normal() != path || !path.has_filename()) return false;
  const std::string first = *std::next(path.begin());
  return first != "proc" && first != "sys" && first != "dev";
}

// "name" or "directory/name", neither hidden nor leading anywhere.
bool is_secret_path(std::string_view path) {
  const std::size_t slash = path.find('/');
  const auto is_name = [](std::string_view name) {
    return !name.empty() && name.size() <= 255 && name.front() != '.' && name.find('/') == std::string_view::npos;
  };
  if (slash == std::string_view::npos) return is_name(path);
  return is_name(path.substr(0, slash)) && is_name(path.substr(slash + 1));
}

// Each octet as the character of its number, U+0000 to U+00FF.
std::string text_of(std::string_view octets) {
  std::string text;
  for (const char octet : octets) {
    const auto number = static_cast<unsigned char>(octet);
    if (number >= 0x80) text += static_cast<char>(0xC0U | number >> 6U);
    text += number < 0x80 ? octet : static_cast<char>(0x80U | (number & 0x3FU));
  }
  return text;
}

// Nothing of a text, which is UTF-8, with another character in it.
std::string octets_of(std::string_view text) {
  std::string octets;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      octets += text[at];
      continue;
    }
    if (lead > 0xC3 || ++at == text.size()) return {};
    octets += static_cast<char>((lead & 0x03U) << 6U | (static_cast<unsigned char>(text[at]) & 0x3FU));
  }
  return octets;
}

SecretFile read_secret(const Json& json, const std::string& where, Problem& fault) {
  SecretFile file;
  Members members(json, where, fault);
  members.text("secret", file.secret);
  members.text("path", file.path);
  if (const Json* content = members.find("content"); content != nullptr && content->is_string())
    file.content = octets_of(content->get_ref<const std::string&>());
  members.number("mode", file.mode);
  members.number("signal", file.signal);
  members.done();
  if (!is_secret_path(file.path)) members.refuse("path", "a name, or one below a directory, that is not hidden");
  if (file.content.empty()) members.refuse("content", "octets, at least one");
  if ((file.mode & ~0444U) != 0) members.refuse("mode", "one in which it can be read alone");
  if (file.signal > 31) members.refuse("signal", "the number of a signal");
  return file;
}

std::vector<SecretFile> read_secrets(Members& members, Problem& fault) {
  std::vector<SecretFile> secrets;
  read_list(members, "secrets", secrets,
            [&](const Json& item, const std::string& at) { return read_secret(item, at, fault); });
  std::set<std::string_view> paths;
  std::size_t octets = 0;
  for (const SecretFile& file : secrets) {
    octets += file.content.size();
    if (!paths.insert(file.path).second) members.refuse("secrets", "every path once");
  }
  if (octets > kMostSecretOctets || secrets.size() > kMostSecretFiles)
    members.refuse("secrets", fmt::format("at most {} octets in {} files", kMostSecretOctets, kMostSecretFiles));
  return secrets;
}

// It becomes a field of a line of /etc/passwd.
bool is_user_name(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

Compartment read_compartment(const Json& json, const std::string& where, Problem& fault) {
  Compartment c;
  Members members(json, where, fault);
  if (const Json* ids = members.find("ids")) {
    c.ids = read_ids(*ids, where + ".ids", fault);
  } else {
    members.refuse("ids", "who the service is");
  }
  members.words("command", c.command);
  members.variables("environment", c.environment);
  members.text("directory", c.directory);
  members.text("data", c.data);
  members.text("rootfs", c.rootfs);
  members.text("start_in", c.start_in);
  if (!c.start_in.starts_with('/')) members.refuse("start_in", "an absolute path");
  members.text("user", c.user);
  if (!is_user_name(c.user)) members.refuse("user", "letters, digits, '-', '_' and '.'");
  read_list(members, "mounts", c.mounts, [&](const Json& item, const std::string& at) {
    MountPoint mount;
    Members inner(item, at, fault);
    inner.text("source", mount.source);
    inner.text("target", mount.target);
    inner.flag("writable", mount.writable);
    inner.done();
    if (!mount.source.starts_with('/')) inner.refuse("source", "an absolute path");
    if (!can_be_mounted_at(mount.target)) inner.refuse("target", "an absolute path outside of /proc, /sys and /dev");
    return mount;
  });
  c.secrets = read_secrets(members, fault);
  members.text("hostname", c.hostname);
  read_list(members, "hosts", c.hosts, [&](const Json& item, const std::string& at) {
    HostName host;
    Members inner(item, at, fault);
    inner.text("address", host.address);
    inner.words("names", host.names);
    inner.done();
    return host;
  });
  read_list(members, "doors", c.doors, [&](const Json& item, const std::string& at) {
    Door door;
    Members inner(item, at, fault);
    inner.text("address", door.address);
    inner.number("port", door.port);
    inner.done();
    return door;
  });
  members.number("tmp_bytes", c.tmp_bytes);
  members.number("open_files", c.open_files);
  if (const Json* limits = members.find("limits")) c.limits = read_limits(*limits, where + ".limits", fault);
  read_list(members, "cgroups", c.cgroups,
            [&](const Json& item, const std::string& at) { return read_cgroup(item, at, fault); });
  members.done();
  if (!c.command.empty() && c.command.front().empty()) members.refuse("command", "a program");
  return c;
}

SidecarSpec read_sidecar(const Json& json, const std::string& where, Problem& fault) {
  SidecarSpec sidecar;
  Members members(json, where, fault);
  members.words("argv", sidecar.argv);
  members.variables("environment", sidecar.environment);
  members.number("uid", sidecar.uid);
  members.number("gid", sidecar.gid);
  if (const Json* hello = members.find("hello")) {
    if (!hello->is_object() || hello->contains("type") || hello->contains("fds")) {
      members.refuse("hello", "an object without type and fds");
    }
    sidecar.hello = hello->dump();
  }
  members.done();
  if (sidecar.argv.empty() || !sidecar.argv.front().starts_with('/')) members.refuse("argv", "an absolute path first");
  return sidecar;
}

LogSpec read_log(const Json& json, const std::string& where, Problem& fault) {
  LogSpec log;
  Members members(json, where, fault);
  members.text("path", log.path);
  members.number("max_bytes", log.max_bytes);
  members.number("files", log.files);
  members.done();
  if (log.files == 0 || log.files > 100) members.refuse("files", "1 to 100");
  return log;
}

bool is_instance_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") ==
             std::string_view::npos;
}

Spec read_spec(const Json& json, Problem& fault) {
  Spec spec;
  Members members(json, "", fault);
  members.text("instance", spec.instance);
  members.text("controller_socket", spec.controller_socket);
  if (const Json* log = members.find("log")) spec.log = read_log(*log, "log", fault);
  if (const Json* sidecar = members.find("sidecar")) {
    spec.sidecar = read_sidecar(*sidecar, "sidecar", fault);
  } else {
    members.refuse("sidecar", "what to run");
  }
  read_list(members, "listeners", spec.listeners, [&](const Json& item, const std::string& at) {
    Listener listener;
    Members inner(item, at, fault);
    inner.text("name", listener.name);
    inner.number("fd", listener.fd);
    inner.done();
    return listener;
  });
  if (const Json* compartment = members.find("compartment")) {
    spec.compartment = read_compartment(*compartment, "compartment", fault);
  }
  members.number("ready_ms", spec.ready_ms);
  members.number("drain_ms", spec.drain_ms);
  members.number("grace_ms", spec.grace_ms);
  members.number("finish_ms", spec.finish_ms);
  members.done();
  if (!is_instance_name(spec.instance)) members.refuse("instance", "letters, digits and -_./");
  return spec;
}

// nlohmann keeps the last of duplicate members; here the second one is a mistake.
Result<Json> parse_without_duplicates(std::string_view text) {
  std::vector<std::set<std::string>> open;
  std::string duplicate;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) {
      duplicate = value.get<std::string>();
    }
    return true;
  };
  Json json = Json::parse(text, watch, false);
  if (json.is_discarded()) return fail(Cause::invalid, "the spec isn't JSON");
  if (!duplicate.empty()) return fail(Cause::invalid, "{}: stated twice", duplicate);
  return json;
}

std::string_view word_of(IdMapping mapping) { return kMappings[static_cast<std::size_t>(mapping)].first; }

Json limits_json(const Limits& limits) {
  Json json = Json::object();
  if (limits.memory_bytes) json["memory_bytes"] = *limits.memory_bytes;
  if (limits.cpu_millis) json["cpu_millis"] = *limits.cpu_millis;
  if (limits.pids) json["pids"] = *limits.pids;
  return json;
}

Json compartment_json(const Compartment& c) {
  Json mounts = Json::array();
  for (const auto& m : c.mounts)
    mounts.push_back({{"source", m.source}, {"target", m.target}, {"writable", m.writable}});
  Json hosts = Json::array();
  for (const auto& host : c.hosts) hosts.push_back({{"address", host.address}, {"names", host.names}});
  Json doors = Json::array();
  for (const auto& door : c.doors) doors.push_back({{"address", door.address}, {"port", door.port}});
  Json cgroups = Json::array();
  for (const auto& directory : c.cgroups) {
    Json names = Json::array();
    for (const auto controller : directory.controllers) names.push_back(to_string(controller));
    cgroups.push_back({{"path", directory.path}, {"version", directory.version}, {"controllers", std::move(names)}});
  }
  Json json = {
      {"ids",
       {{"mapping", word_of(c.ids.mapping)}, {"service_uid", c.ids.service_uid}, {"service_gid", c.ids.service_gid}}},
      {"command", c.command},
      {"environment", c.environment},
      {"directory", c.directory},
      {"data", c.data},
      {"rootfs", c.rootfs},
      {"start_in", c.start_in},
      {"user", c.user},
      {"mounts", std::move(mounts)},
      {"hostname", c.hostname},
      {"hosts", std::move(hosts)},
      {"doors", std::move(doors)},
      {"tmp_bytes", c.tmp_bytes},
      {"open_files", c.open_files},
      {"limits", limits_json(c.limits)},
      {"cgroups", std::move(cgroups)}};
  if (!c.secrets.empty()) json["secrets"] = to_json(c.secrets);
  return json;
}

Json sidecar_json(const SidecarSpec& sidecar) {
  Json json = {{"argv", sidecar.argv}, {"environment", sidecar.environment}};
  if (sidecar.uid) json["uid"] = *sidecar.uid;
  if (sidecar.gid) json["gid"] = *sidecar.gid;
  if (!sidecar.hello.empty()) json["hello"] = Json::parse(sidecar.hello, nullptr, false);
  return json;
}

}  // namespace

Result<std::vector<SecretFile>> parse_secrets(const Json& list) {
  Problem fault;
  const Json whole = {{"secrets", list}};
  Members members(whole, "", fault);
  auto secrets = read_secrets(members, fault);
  if (fault) return fail(*fault);
  return secrets;
}

Json to_json(const std::vector<SecretFile>& secrets) {
  Json list = Json::array();
  for (const SecretFile& file : secrets)
    list.push_back({{"secret", file.secret},
                    {"path", file.path},
                    {"content", text_of(file.content)},
                    {"mode", file.mode},
                    {"signal", file.signal}});
  return list;
}

Result<Spec> parse_spec(std::string_view text) {
  const auto json = parse_without_duplicates(text);
  if (!json) return fail(json.error());
  Problem fault;
  Spec spec = read_spec(*json, fault);
  if (fault) return fail(*fault);
  return spec;
}

std::string to_json(const Spec& spec) {
  Json listeners = Json::array();
  for (const auto& listener : spec.listeners) listeners.push_back({{"name", listener.name}, {"fd", listener.fd}});
  Json json = {{"instance", spec.instance},
               {"controller_socket", spec.controller_socket},
               {"log", {{"path", spec.log.path}, {"max_bytes", spec.log.max_bytes}, {"files", spec.log.files}}},
               {"sidecar", sidecar_json(spec.sidecar)},
               {"listeners", std::move(listeners)},
               {"ready_ms", spec.ready_ms},
               {"drain_ms", spec.drain_ms},
               {"grace_ms", spec.grace_ms},
               {"finish_ms", spec.finish_ms}};
  if (spec.compartment) json["compartment"] = compartment_json(*spec.compartment);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bulkhead::compartments
