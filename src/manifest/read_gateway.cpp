#include <algorithm>

#include "manifest/draft.hpp"
#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kListenAllowed = "\"127.0.0.1:8443\", \"0.0.0.0:443\" or \"[::1]:8443\"";

std::optional<Listen> listen_of(Context& context, const Text& text) {
  auto address = split_host_port(text.value);
  if (!address) return std::nullopt;
  if (address->host == "localhost") address->host = "127.0.0.1";
  if (!is_ipv4(address->host) && !is_ipv6(address->host)) return std::nullopt;
  return Listen{address->host, address->port, context.report.position(text.mark)};
}

bool collide(const Listen& a, const Listen& b) {
  auto every = [](const Listen& listen) { return listen.host == "0.0.0.0" || listen.host == "::"; };
  return a.port == b.port && (a.host == b.host || every(a) || every(b));
}

class GatewayReader {
 public:
  GatewayReader(Context& context, const Fields& fields, Draft& draft)
      : context_(context), fields_(fields), draft_(draft) {}

  void run(Gateway& gateway) {
    read_tls(gateway);
    read_tls_version(gateway);
    read_listen(gateway);
    read_redirect(gateway);
    read_edge_rules(context_, fields_, gateway.rules);
    read_auth(context_, fields_, draft_.application.auth, gateway.rules.auth);
    fields_.require("routes", "what is reachable from outside: routes: [{match: {path: /*}, to: catalog}]");
    const Node* routes = fields_.find("routes");
    if (!routes) return;
    if (routes->kind != Node::Kind::list || routes->items.empty()) {
      return refuse_value(context_, *routes, "'routes' of the gateway", "a list of at least one route",
                          "[{match: {path: /api/*}, to: catalog}]");
    }
    for (std::size_t i = 0; i < routes->items.size(); ++i)
      read_route(*routes->items[i], fmt::format("route {}", i + 1));
  }

 private:
  void read_tls(Gateway& gateway) {
    const Node* node = fields_.find("tls");
    if (!node) return;
    if (node->kind == Node::Kind::map) {
      Fields tls(context_, *node, Section::tls, "'tls' of the gateway");
      tls.require("cert", "the path of a certificate chain in PEM");
      tls.require("key", "the path of its private key in PEM");
      gateway.tls.mode = Tls::Mode::files;
      tls.read_text_into("cert", gateway.tls.certificate);
      tls.read_text_into("key", gateway.tls.key);
      return;
    }
    auto text = read_text(context_, *node, "'tls' of the gateway");
    if (!text) return;
    if (text->value == "off")
      gateway.tls.mode = Tls::Mode::off;
    else if (text->value != "generated") {
      refuse_value(context_, *node, "'tls' of the gateway", "generated, off or a certificate",
                   "generated, off, {cert: FILE, key: FILE}");
    }
  }

  void read_tls_version(Gateway& gateway) {
    const Node* node = fields_.find("tls_min_version");
    auto text = fields_.text("tls_min_version");
    if (!text) return;
    if (text->value != "1.2" && text->value != "1.3")
      return refuse_value(context_, *node, "'tls_min_version' of the gateway", "a version of TLS", "1.2, 1.3");
    if (gateway.tls.mode == Tls::Mode::off) {
      context_.report.add(text->mark, "gateway", "'tls_min_version' is of TLS, and 'tls' is off")
          .help.emplace_back("remove one of them");
    }
    gateway.tls12 = text->value == "1.2";
  }

  void read_listen(Gateway& gateway) {
    const Node* node = fields_.find("listen");
    if (!node) {
      Port port{static_cast<std::uint16_t>(gateway.tls.mode == Tls::Mode::off ? 8080 : 8443)};
      gateway.listen.push_back({"127.0.0.1", port, gateway.position});
      return;
    }
    std::vector<Text> texts = read_texts(context_, *node, "'listen' of the gateway", kListenAllowed);
    if (node->kind == Node::Kind::list && node->items.empty()) {
      refuse_value(context_, *node, "'listen' of the gateway", "an address", kListenAllowed);
    }
    for (const Text& text : texts) {
      auto listen = listen_of(context_, text);
      if (!listen)
        refuse_address(text, "'listen' of the gateway");
      else
        add_listen(gateway, std::move(*listen));
    }
  }

  void add_listen(Gateway& gateway, Listen listen) {
    for (const Listen& other : gateway.listen) {
      if (collide(other, listen)) return refuse_collision(listen);
    }
    gateway.listen.push_back(std::move(listen));
  }

  void read_redirect(Gateway& gateway) {
    auto text = fields_.text("redirect_http");
    if (!text) return;
    auto listen = listen_of(context_, *text);
    if (!listen) return refuse_address(*text, "'redirect_http' of the gateway");
    if (gateway.tls.mode == Tls::Mode::off) {
      context_.report.add(text->mark, "gateway", "'redirect_http' redirects to HTTPS, and 'tls' is off")
          .help.emplace_back("remove one of them");
    }
    for (const Listen& other : gateway.listen) {
      if (collide(other, *listen)) return refuse_collision(*listen);
    }
    gateway.redirect_http = std::move(*listen);
  }

  void refuse_address(const Text& text, const std::string& what) {
    Mistake& mistake = context_.report.add(text.mark, "bad-value", what + " must be an IP address and a port");
    mistake.found = fmt::format("'{}'", text.value);
    mistake.allowed = kListenAllowed;
  }

  void refuse_collision(const Listen& listen) {
    context_.report
        .add(listen.position, "gateway", fmt::format("the gateway listens on port {} twice", listen.port.number))
        .help.emplace_back("keep one of them; 0.0.0.0 is every address already");
  }

  void read_route(const Node& node, const std::string& owner) {
    Fields fields(context_, node, Section::route, owner);
    if (!fields.readable()) return;
    RouteDraft draft{.mark = node.mark};
    draft.route.position = context_.report.position(node.mark);
    std::size_t before = context_.report.size();
    if (const Node* match = fields.find("match")) read_match(*match, "'match' of " + owner, draft.route.match);
    draft.valid = context_.report.size() == before;
    fields.require("to", "the service that answers: to: catalog");
    if (auto rewrite = fields.text("rewrite")) read_rewrite(*rewrite, owner, draft.route);
    read_edge_rules(context_, fields, draft.route.rules);
    read_auth(context_, fields, draft_.application.auth, draft.route.rules.auth);
    draft.resilience.owner = owner;
    read_resilience(context_, fields, draft.resilience);
    read_when(context_, fields, draft.route.when, draft.resilience);
    auto to = fields.text("to");
    if (!to) return;
    draft.to = std::move(*to);
    draft_.routes.push_back(std::move(draft));
  }

  void read_match(const Node& node, const std::string& owner, Match& match) {
    Fields fields(context_, node, Section::match, owner);
    if (auto host = fields.text("host")) {
      match.host = lower_case(host->value);
      if (!is_host_name(match.host) && !is_ipv4(match.host) && !is_ipv6(match.host)) {
        refuse_value(context_, *fields.find("host"), fields.what("host"), "one host name, without port or wildcard");
      }
    }
    if (auto path = fields.text("path")) {
      auto pattern = PathPattern::parse(path->value);
      if (pattern)
        match.path = std::move(*pattern);
      else
        refuse_pattern(*path, fields.what("path"), pattern.error());
    }
    if (const Node* methods = fields.find("methods")) {
      for (const Text& method : read_texts(context_, *methods, fields.what("methods")))
        read_method(method, fields, match);
    }
  }

  void read_method(const Text& text, const Fields& fields, Match& match) {
    auto permission = parse_permission(text.value + " /", Protocol::http);
    if (!permission || permission->methods.empty()) {
      Mistake& mistake =
          context_.report.add(text.mark, "bad-value", fields.what("methods") + " must be methods in capitals");
      mistake.found = fmt::format("'{}'", text.value);
      mistake.allowed = "GET, POST, ...";
      return;
    }
    for (std::string& method : permission->methods) match.methods.push_back(std::move(method));
  }

  void read_rewrite(const Text& text, const std::string& owner, Route& route) {
    bool prefix = is_plain_path(text.value) && text.value.find('*') == std::string::npos;
    if (!prefix) {
      Mistake& mistake = context_.report.add(text.mark, "bad-value",
                                             fmt::format("'rewrite' of {} must be the beginning of a path", owner));
      mistake.found = fmt::format("'{}'", text.value);
      mistake.allowed = "/ or /v2";
    } else if (route.match.path.has_inner_wildcard()) {
      context_.report
          .add(text.mark, "gateway", fmt::format("'rewrite' of {} cannot replace a path with '*' in its middle", owner))
          .help.emplace_back("write a match that ends in '/*' or has no '*'");
    } else {
      route.rewrite = text.value;
    }
  }

  void refuse_pattern(const Text& text, const std::string& what, const Fault& fault) {
    Mistake& mistake = context_.report.add(text.mark, "bad-pattern", fmt::format("{} is no path pattern", what));
    mistake.found = fmt::format("'{}'", text.value);
    mistake.help.push_back(fault.message);
    mistake.allowed = "/items, /items/*, /items/*/price";
  }

  Context& context_;
  const Fields& fields_;
  Draft& draft_;
};

}  // namespace

void read_gateway(Context& context, const Node& node, Mark mark, Draft& draft) {
  Fields fields(context, node, Section::gateway, "the gateway", mark);
  if (!fields.readable()) return;
  Gateway gateway;
  gateway.position = context.report.position(mark);
  GatewayReader(context, fields, draft).run(gateway);
  draft.application.gateway = std::move(gateway);
}

}  // namespace bulkhead::manifest
