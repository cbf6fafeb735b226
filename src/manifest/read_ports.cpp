#include <algorithm>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

class PortReader {
 public:
  PortReader(Context& context, const Fields& fields, Service& service)
      : context_(context), fields_(fields), service_(service) {}

  void run() {
    protocol_ = read_protocol(fields_).value_or(Protocol::http);
    const Node* one = fields_.find("port");
    const Node* many = fields_.find("ports");
    if (one && many) {
      context_.report
          .add(fields_.mark("ports"), "bad-value",
               fmt::format("service '{}' has both 'port' and 'ports'", service_.name))
          .help.emplace_back("keep 'ports' and move the other into it");
    }
    if (one) add("main", *one, fields_.what("port"), protocol_, one->mark);
    if (many) read_many(*many);
    if (!one && !many && fields_.find("protocol")) {
      context_.report.add(fields_.mark("protocol"), "bad-value",
                          fmt::format("service '{}' has a 'protocol' but no 'port'", service_.name));
    }
  }

 private:
  std::optional<Protocol> read_protocol(const Fields& fields) {
    auto text = fields.text("protocol");
    if (!text) return std::nullopt;
    auto protocol = protocol_of(text->value);
    if (!protocol) refuse_value(context_, *fields.find("protocol"), fields.what("protocol"), "http, grpc or tcp");
    return protocol;
  }

  void read_many(const Node& node) {
    std::string what = fields_.what("ports");
    if (node.kind == Node::Kind::map) {
      for (const Entry& entry : node.entries) {
        if (check_name(context_, entry.mark, entry.key, "a port")) read_one(entry.key, *entry.value);
      }
    } else if (node.kind == Node::Kind::list) {
      for (const NodePtr& item : node.items) read_one("", *item);
    } else {
      refuse_value(context_, node, what, "a list or map of ports", "[8080, 9090] or {web: 8080, metrics: 9090}");
    }
    bool empty = node.items.empty() && node.entries.empty();
    if (empty && node.kind != Node::Kind::scalar) context_.report.add(node.mark, "bad-value", what + " is empty");
  }

  void read_one(std::string name, const Node& node) {
    if (node.kind != Node::Kind::map) {
      add(std::move(name), node, a_port(), protocol_, node.mark);
      return;
    }
    Fields fields(context_, node, Section::port, a_port());
    if (name.empty()) {
      if (auto text = fields.text("name"); text && check_name(context_, text->mark, text->value, "a port"))
        name = text->value;
    } else if (fields.find("name")) {
      context_.report.add(fields.mark("name"), "bad-value",
                          fmt::format("the port '{}' has its name from its key", name));
    }
    Protocol protocol = read_protocol(fields).value_or(protocol_);
    fields.require("number", "the port that the program listens on");
    if (const Node* number = fields.find("number"))
      add(std::move(name), *number, fields.what("number"), protocol, node.mark);
  }

  void add(std::string name, const Node& node, const std::string& what, Protocol protocol, Mark mark) {
    auto text = read_text(context_, node, what);
    if (!text) return;
    auto port = parse_port(text->value);
    if (!port) return refuse(node, text->value, what);
    if (name.empty()) name = fmt::format("port-{}", port->number);
    for (const DeclaredPort& other : service_.ports) {
      if (other.number == *port) return refuse_repeated(mark, fmt::format("port {}", port->number));
      if (other.name == name) return refuse_repeated(mark, fmt::format("a port named '{}'", name));
    }
    service_.ports.push_back({std::move(name), *port, protocol, context_.report.position(mark)});
  }

  std::string a_port() const { return fmt::format("a port of service '{}'", service_.name); }

  void refuse_repeated(Mark mark, const std::string& what) {
    context_.report.add(mark, "repeated-port", fmt::format("service '{}' has {} twice", service_.name, what));
  }

  void refuse(const Node& node, std::string_view value, const std::string& what) {
    refuse_value(context_, node, what, "a number from 1 to 65535");
    bool published = value.find(':') != std::string_view::npos;
    if (published) {
      context_.report.last().help.emplace_back(
          "a service publishes nothing: write the port its program listens on, and a route of the gateway to it");
    }
    if (value.size() > 1 && value.front() == '0') {
      context_.report.last().help.emplace_back(
          "a number that begins with 0 reads as octal elsewhere: write it without");
    }
  }

  Context& context_;
  const Fields& fields_;
  Service& service_;
  Protocol protocol_ = Protocol::http;
};

}  // namespace

void read_ports(Context& context, const Fields& fields, Service& service) {
  PortReader(context, fields, service).run();
}

void read_health(Context& context, const Node& node, ServiceDraft& draft) {
  using std::chrono::hours;
  HealthDraft health;
  health.mark = node.mark;
  Fields fields(context, node, Section::healthcheck,
                fmt::format("the healthcheck of service '{}'", draft.service.name));
  if (!fields.readable()) return;
  health.type = fields.text("type");
  if (health.type && !protocol_of(health.type->value)) {
    refuse_value(context, *fields.find("type"), fields.what("type"), "http, grpc or tcp");
    health.type.reset();
  }
  health.port = fields.text("port");
  if (auto path = fields.text("path")) {
    health.has_path = true;
    health.check.path = path->value;
    std::string_view bare = std::string_view(path->value).substr(0, path->value.find('?'));
    if (!is_plain_path(bare))
      refuse_value(context, *fields.find("path"), fields.what("path"), "a path such as /healthz");
  }
  fields.read_text_into("service", health.check.service);
  if (auto value = fields.duration("interval", Duration(100), hours(1))) health.check.interval = *value;
  if (auto value = fields.duration("timeout", Duration(10), hours(1))) health.check.timeout = *value;
  if (auto value = fields.duration("start_period", Duration(0), hours(24))) health.check.start_period = *value;
  fields.read_number_into("retries", 1, 100, health.check.retries);
  draft.health = std::move(health);
}

}  // namespace bulkhead::manifest
