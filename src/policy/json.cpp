#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include <nlohmann/json.hpp>

#include "policy/model.hpp"

namespace bulkhead::policy {

using nlohmann::json;

namespace {

constexpr std::size_t kLongestName = 253;

// Reads the members of one object; the first fault stays, and finish() refuses members that nobody asked for.
class Members {
 public:
  Members(const json& value, std::string_view where) : value_(value), where_(where) {
    if (!value.is_object()) refuse("is no object");
  }

  std::string text(const char* name, std::size_t limit = 4096) {
    const json* member = find(name, true);
    if (!member) return "";
    if (!member->is_string()) return refuse_type(name, "text"), "";
    const std::string& text = member->get_ref<const std::string&>();
    if (text.size() > limit) refuse(fmt::format("has a '{}' that is too long", name));
    return text;
  }

  std::uint64_t number(const char* name, std::uint64_t limit) {
    const json* member = find(name, true);
    if (!member) return 0;
    bool natural = member->is_number_unsigned() || (member->is_number_integer() && member->get<std::int64_t>() >= 0);
    if (!natural || member->get<std::uint64_t>() > limit) {
      return refuse_type(name, fmt::format("a number up to {}", limit)), 0;
    }
    return member->get<std::uint64_t>();
  }

  bool boolean(const char* name) {
    const json* member = find(name, true);
    if (!member) return false;
    if (!member->is_boolean()) return refuse_type(name, "true or false"), false;
    return member->get<bool>();
  }

  const json* find(const char* name, bool required) {
    if (fault_) return nullptr;
    asked_.insert(name);
    auto found = value_.find(name);
    if (found != value_.end()) return &*found;
    if (required) refuse(fmt::format("lacks '{}'", name));
    return nullptr;
  }

  void refuse(const std::string& what) {
    if (!fault_) fault_ = Fault{Cause::invalid, fmt::format("{} {}", where_, what)};
  }

  Result<> finish() {
    if (!fault_) {
      for (const auto& item : value_.items()) {
        if (!asked_.contains(item.key())) refuse(fmt::format("has an unknown member '{}'", item.key()));
      }
    }
    if (fault_) return fail(*fault_);
    return {};
  }

 private:
  void refuse_type(const char* name, std::string_view wanted) {
    refuse(fmt::format("has a '{}' that is not {}", name, wanted));
  }

  const json& value_;
  std::string_view where_;
  std::set<std::string> asked_;
  std::optional<Fault> fault_;
};

json write(const Position& position) {
  return {{"file", position.file}, {"line", position.line}, {"column", position.column}};
}

json write(const manifest::When& when) { return {{"condition", when.source}, {"position", write(when.position)}}; }

Result<Position> read_position(const json& value) {
  constexpr std::uint64_t kMost = std::numeric_limits<int>::max();
  Members members(value, "a position");
  Position position{members.text("file"), static_cast<int>(members.number("line", kMost)),
                    static_cast<int>(members.number("column", kMost))};
  if (auto read = members.finish(); !read) return fail(read.error());
  return position;
}

bool is_name(std::string_view name) {
  auto letter_digit_dash = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 63 && name[0] >= 'a' && name[0] <= 'z' &&
         std::ranges::all_of(name, letter_digit_dash);
}

bool is_host(std::string_view host) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' || c == '_';
  };
  return !host.empty() && host.size() <= kLongestName && std::ranges::all_of(host, plain);
}

Port read_port(Members& members) {
  Port port{static_cast<std::uint16_t>(members.number("port", 65535))};
  if (port.number == 0) members.refuse("has port 0");
  return port;
}

template <class Enum, std::size_t n>
Enum read_enum(Members& members, const char* name, const std::array<Enum, n>& values) {
  std::string text = members.text(name);
  for (Enum value : values) {
    if (to_string(value) == text) return value;
  }
  members.refuse(fmt::format("has an unknown {} '{}'", name, text));
  return values[0];
}

void keep(Members& members, Result<Position> read, Position& position) {
  if (!read) members.refuse("has a bad position: " + read.error().message);
  if (read) position = std::move(*read);
}

void read_methods(Members& members, Protocol protocol, Permission& permission) {
  const json* methods = members.find("methods", true);
  if (!methods) return;
  if (!methods->is_array() || methods->size() > 64) return members.refuse("has 'methods' that are not a short list");
  for (const json& method : *methods) {
    if (!method.is_string()) return members.refuse("has a method that is not text");
    permission.methods.push_back(method.get<std::string>());
    // The manifest's own grammar judges what a method may be.
    auto parsed = manifest::parse_permission(permission.methods.back() + " /", Protocol::http);
    if (!parsed || parsed->methods != std::vector{permission.methods.back()}) return members.refuse("has a bad method");
  }
  if (protocol == Protocol::grpc && !permission.methods.empty()) members.refuse("has methods on a gRPC port");
}

std::optional<LocalAddress> read_local(Members& edge) {
  const json* value = edge.find("at", false);
  if (!value) return std::nullopt;
  Members members(*value, "'at'");
  LocalAddress local{members.text("host", kLongestName), read_port(members)};
  if (!is_host(local.host)) members.refuse("has a bad host");
  if (auto read = members.finish(); !read) edge.refuse("has a bad address: " + read.error().message);
  return local;
}

std::vector<std::string> read_aliases(Members& edge) {
  std::vector<std::string> names;
  const json* value = edge.find("as", false);
  if (!value) return names;
  bool readable = value->is_array() && !value->empty();
  for (const json& name : *value) {
    readable = readable && name.is_string() && is_name(name.get_ref<const std::string&>());
    if (readable) names.push_back(name);
  }
  if (!readable) edge.refuse("has 'as' that is no list of names");
  return names;
}

std::optional<manifest::When> read_when(Members& edge) {
  const json* value = edge.find("when", false);
  if (!value) return std::nullopt;
  Members members(*value, "'when'");
  std::string source = members.text("condition");
  Position position;
  if (const json* written = members.find("position", true)) keep(members, read_position(*written), position);
  if (auto read = members.finish(); !read)
    return edge.refuse("has a bad condition: " + read.error().message), std::nullopt;
  auto condition = manifest::compile_when(source);
  if (!condition) return edge.refuse("has no condition that can be read: " + condition.error().message), std::nullopt;
  return manifest::When{std::move(source), std::move(position), std::move(*condition)};
}

std::optional<Outside> read_outside(Members& edge) {
  const json* value = edge.find("outside", false);
  if (!value) return std::nullopt;
  Members members(*value, "'outside'");
  Outside outside;
  outside.scheme = read_enum(members, "scheme", std::array{Scheme::http, Scheme::https, Scheme::tcp});
  outside.host = members.text("host", kLongestName);
  outside.is_address = members.boolean("is_address");
  if (!is_host(outside.host)) members.refuse("has a bad host");
  if (auto read = members.finish(); !read) edge.refuse("has a bad outside: " + read.error().message);
  return outside;
}

void read_permissions(Members& members, Protocol protocol, std::vector<Permission>& into) {
  const json* permissions = members.find("permissions", true);
  if (!permissions) return;
  if (!permissions->is_array()) return members.refuse("has 'permissions' that are not a list");
  if (protocol == Protocol::tcp && !permissions->empty()) return members.refuse("has permissions on a TCP port");
  for (const json& each : *permissions) {
    auto permission = permission_from_json(each, protocol);
    if (!permission) return members.refuse("has a bad permission: " + permission.error().message);
    into.push_back(std::move(*permission));
  }
}

void read_denies(Members& members, Edge& edge) {
  const json* denies = members.find("denies", false);
  if (!denies) return;
  if (!denies->is_array() || denies->empty()) return members.refuse("has 'denies' that are no list of rules");
  for (const json& each : *denies) {
    auto deny = deny_from_json(each, edge.protocol);
    if (!deny) return members.refuse("has a bad deny rule: " + deny.error().message);
    edge.denies.push_back(std::move(*deny));
  }
}

void check_learned(Members& members, const Edge& edge) {
  if (edge.learned == Edge::Learned::nothing) return;
  if (edge.kind != Edge::Kind::call || edge.audited) members.refuse("is learned without being a call, or is audited");
  if (edge.is_declared()) return;
  if (!edge.permissions.empty() || edge.when || edge.at || !edge.as.empty())
    members.refuse("has what only a declared call has, and is none");
}

// What a manifest can never declare: such an edge was not made by compile().
void check_shape(Members& members, const Edge& edge) {
  bool route = edge.kind == Edge::Kind::route;
  bool egress = edge.kind == Edge::Kind::egress;
  const bool gateway = edge.from == kGateway && edge.kind != Edge::Kind::call;
  if (route ? !gateway : !gateway && !is_name(edge.from)) members.refuse("has a bad 'from'");
  if (!is_name(edge.to)) members.refuse("has a bad 'to'");
  if (edge.outside.has_value() != egress) members.refuse("has 'outside' without being egress, or lacks it");
  if (edge.at && edge.kind != Edge::Kind::call) members.refuse("has 'at' without being a call");
  if (!edge.as.empty() && edge.kind != Edge::Kind::call) members.refuse("has 'as' without being a call");
  if (!edge.denies.empty() && egress) members.refuse("has deny rules without being a call or route");
  if (edge.audited && egress) members.refuse("is audited without being a call or route");
  check_learned(members, edge);
  if (edge.when && (egress || edge.protocol == Protocol::tcp)) members.refuse("has a condition on what is no request");
  if (edge.outside && (edge.outside->scheme == Scheme::tcp) != (edge.protocol == Protocol::tcp)) {
    members.refuse("has a protocol that is not its scheme's");
  }
}

}  // namespace

json to_json(const Permission& permission) {
  return {{"id", permission.id},
          {"methods", permission.methods},
          {"path", permission.path.text()},
          {"text", permission.text},
          {"position", write(permission.position)}};
}

json to_json(const Deny& deny) {
  json value{{"id", deny.id}, {"permissions", json::array()}, {"position", write(deny.position)}};
  for (const Permission& permission : deny.permissions) value["permissions"].push_back(to_json(permission));
  if (deny.when) value["when"] = write(*deny.when);
  if (deny.from_anybody) value["from_anybody"] = true;
  return value;
}

json to_json(const Edge& edge) {
  json value{{"kind", to_string(edge.kind)},
             {"from", edge.from},
             {"to", edge.to},
             {"port", edge.port.number},
             {"protocol", to_string(edge.protocol)},
             {"permissions", json::array()},
             {"id", edge.id},
             {"position", write(edge.position)}};
  for (const Permission& permission : edge.permissions) value["permissions"].push_back(to_json(permission));
  if (edge.at) value["at"] = {{"host", edge.at->host}, {"port", edge.at->port.number}};
  if (!edge.as.empty()) value["as"] = edge.as;
  for (const Deny& deny : edge.denies) value["denies"].push_back(to_json(deny));
  if (edge.audited) value["audited"] = true;
  if (edge.learned != Edge::Learned::nothing) value["learned"] = to_string(edge.learned);
  if (edge.when) value["when"] = write(*edge.when);
  if (edge.outside) {
    value["outside"] = {{"scheme", to_string(edge.outside->scheme)},
                        {"host", edge.outside->host},
                        {"is_address", edge.outside->is_address}};
  }
  return value;
}

json to_json(const std::vector<Edge>& edges) {
  json list = json::array();
  for (const Edge& edge : edges) list.push_back(to_json(edge));
  return list;
}

Result<Permission> permission_from_json(const json& value, Protocol protocol) {
  Members members(value, "a permission");
  Permission permission{.id = members.text("id")};
  read_methods(members, protocol, permission);
  auto path = PathPattern::parse(members.text("path"));
  if (path) permission.path = std::move(*path);
  if (!path) members.refuse("has a bad path: " + path.error().message);
  permission.text = members.text("text");
  if (const json* position = members.find("position", true))
    keep(members, read_position(*position), permission.position);
  if (auto read = members.finish(); !read) return fail(read.error());
  return permission;
}

Result<Deny> deny_from_json(const json& value, Protocol protocol) {
  Members members(value, "a deny rule");
  Deny deny{.id = members.text("id")};
  read_permissions(members, protocol, deny.permissions);
  deny.when = read_when(members);
  if (deny.when && protocol == Protocol::tcp) members.refuse("has a condition on what is no request");
  deny.from_anybody = members.find("from_anybody", false) != nullptr && members.boolean("from_anybody");
  if (const json* position = members.find("position", true)) keep(members, read_position(*position), deny.position);
  if (auto read = members.finish(); !read) return fail(read.error());
  return deny;
}

Result<Edge> edge_from_json(const json& value) {
  Members members(value, "an edge");
  Edge edge;
  edge.kind = read_enum(members, "kind", std::array{Edge::Kind::call, Edge::Kind::route, Edge::Kind::egress});
  edge.from = members.text("from");
  edge.to = members.text("to");
  edge.port = read_port(members);
  edge.protocol = read_enum(members, "protocol", std::array{Protocol::http, Protocol::grpc, Protocol::tcp});
  read_permissions(members, edge.protocol, edge.permissions);
  read_denies(members, edge);
  edge.at = read_local(members);
  edge.as = read_aliases(members);
  edge.when = read_when(members);
  edge.audited = members.find("audited", false) != nullptr && members.boolean("audited");
  if (members.find("learned", false) != nullptr)
    edge.learned = read_enum(members, "learned", std::array{Edge::Learned::lines, Edge::Learned::whole});
  edge.outside = read_outside(members);
  edge.id = members.text("id");
  if (const json* position = members.find("position", true)) keep(members, read_position(*position), edge.position);
  check_shape(members, edge);
  if (auto read = members.finish(); !read) return fail(read.error());
  return edge;
}

Result<std::vector<Edge>> edges_from_json(const json& value) {
  if (!value.is_array()) return fail(Cause::invalid, "edges are not a list");
  std::vector<Edge> edges;
  for (const json& each : value) {
    auto edge = edge_from_json(each);
    if (!edge) return fail(within(fmt::format("edge {}", edges.size()), edge.error()));
    edges.push_back(std::move(*edge));
  }
  return edges;
}

}  // namespace bulkhead::policy
