// What a gateway, or one of its routes, asks of whoever comes and tells browsers.

#include <algorithm>
#include <array>

#include "manifest/draft.hpp"
#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kMostLimits = 16;
constexpr std::size_t kMostNetworks = 1024;
constexpr std::size_t kMostListed = 64;  // of a list of `cors`, and of `headers`
constexpr Duration kLongestAge{86'400'000};
constexpr std::string_view kOriginAllowed =
    "https://app.example, as a browser sends it: no path, no wildcard; or * alone";

// "https://app.example:8443" (RFC 6454 §6.2), in lower case and without the scheme's own port.
bool is_origin(std::string_view text) {
  std::string_view usual;
  if (text.starts_with("https://")) {
    text.remove_prefix(8);
    usual = ":443";
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
    usual = ":80";
  } else {
    return false;
  }
  if (text.empty() || text.ends_with(usual)) return false;
  const std::size_t colon = text.find(':', text.starts_with('[') ? std::min(text.find(']'), text.size()) : 0);
  std::string_view host = text.substr(0, colon);
  if (colon != std::string_view::npos && !parse_port(text.substr(colon + 1))) return false;
  if (host.starts_with('[') && host.ends_with(']')) return is_ipv6(host.substr(1, host.size() - 2));
  return is_host_name(host) || is_ipv4(host);
}

// Names that frame a message, or that more than one may carry: nothing to be set for all answers.
bool is_settable(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNot{"content-length", "content-type", "content-encoding", "set-cookie",
                                                 "date"};
  return is_token(name) && !is_of_the_hop(name) && std::ranges::find(kNot, name) == kNot.end() &&
         !name.starts_with("access-control-");
}

std::vector<Text> read_some(Context& context, const Node& node, const std::string& what, std::size_t most,
                            std::string_view allowed) {
  const bool many = node.kind == Node::Kind::list;
  if (many && (node.items.empty() || node.items.size() > most)) {
    refuse_value(context, node, what, fmt::format("1 to {} of them", most), allowed);
    return {};
  }
  return read_texts(context, node, what, allowed);
}

class EdgeReader {
 public:
  EdgeReader(Context& context, const Fields& fields, EdgeRules& rules)
      : context_(context), fields_(fields), rules_(rules) {}

  void run() {
    if (const Node* node = fields_.find("limit")) rules_.limits = read_limits(context_, *node, fields_.what("limit"));
    if (const Node* node = fields_.find("from")) read_from(*node);
    if (const Node* node = fields_.find("cors")) read_cors(*node);
    if (const Node* node = fields_.find("headers")) read_headers(*node);
    read_size("max_request", rules_.most_request);
    read_size("max_answer", rules_.most_answer);
  }

 private:
  void refuse(Mark mark, std::string_view kind, std::string message, std::string_view found, std::string_view allowed) {
    Mistake& mistake = context_.report.add(mark, std::string(kind), std::move(message));
    mistake.found = fmt::format("'{}'", found);
    mistake.allowed = allowed;
  }

  void read_from(const Node& node) {
    Fields fields(context_, node, Section::from, fields_.what("from"));
    if (!fields.readable()) return;
    read_networks(fields, "allow", rules_.allow_from);
    read_networks(fields, "deny", rules_.deny_from);
    if (fields.find("allow") || fields.find("deny")) return;
    context_.report.add(node.mark, "missing-key", fields_.what("from") + " names no address")
        .help.emplace_back("write who may come, {allow: [10.0.0.0/8]}, or who may not, {deny: [203.0.113.7]}");
  }

  void read_networks(const Fields& fields, std::string_view key, std::vector<std::string>& into) {
    const Node* node = fields.find(key);
    if (!node) return;
    for (const Text& text : read_some(*node, fields.what(key), kMostNetworks, "[10.0.0.0/8, 203.0.113.7]")) {
      if (auto network = Network::parse(text.value); network)
        into.push_back(text.value);
      else
        context_.report.add(text.mark, "bad-value", fields.what(key) + " has no network")
            .help.push_back(network.error().message);
    }
  }

  void read_cors(const Node& node) {
    Fields fields(context_, node, Section::cors, fields_.what("cors"));
    if (!fields.readable()) return;
    Cors cors;
    fields.require("origins", "whose pages may ask: origins: [https://app.example]");
    if (const Node* origins = fields.find("origins")) read_origins(*origins, fields, cors);
    if (const Node* methods = fields.find("methods")) read_methods(*methods, fields, cors);
    read_names(fields, "headers", cors.headers);
    read_names(fields, "expose", cors.expose);
    fields.read_bool_into("credentials", cors.credentials);
    fields.read_duration_into("max_age", Duration(0), kLongestAge, cors.max_age);
    if (cors.credentials && std::ranges::find(cors.origins, "*") != cors.origins.end()) {
      context_.report.add(fields.mark("credentials"), "cors", "every page anywhere could act as the user who opened it")
          .help.emplace_back("name the origins that may send credentials");
    }
    rules_.cors = std::move(cors);
  }

  void read_origins(const Node& node, const Fields& fields, Cors& cors) {
    for (Text& text : read_some(node, fields.what("origins"), kMostListed, kOriginAllowed)) {
      if (text.value == "*" ? node.kind == Node::Kind::list && node.items.size() > 1 : !is_origin(text.value))
        refuse(text.mark, "bad-value", fields.what("origins") + " has no origin", text.value, kOriginAllowed);
      else
        cors.origins.push_back(std::move(text.value));
    }
  }

  void read_methods(const Node& node, const Fields& fields, Cors& cors) {
    cors.methods.clear();
    for (Text& text : read_some(node, fields.what("methods"), kMostListed, "[GET, PUT]")) {
      if (is_token(text.value) && std::ranges::none_of(text.value, [](char c) { return c >= 'a' && c <= 'z'; }))
        cors.methods.push_back(std::move(text.value));
      else
        refuse(text.mark, "bad-value", fields.what("methods") + " must be methods in capitals", text.value,
               "GET, PUT, ...");
    }
  }

  void read_names(const Fields& fields, std::string_view key, std::vector<std::string>& into) {
    const Node* node = fields.find(key);
    if (!node) return;
    for (const Text& text : read_some(*node, fields.what(key), kMostListed, "[x-csrf-token]")) {
      if (std::string name = lower_case(text.value); is_token(name))
        into.push_back(std::move(name));
      else
        refuse(text.mark, "bad-name", fields.what(key) + " must be names of header fields", text.value, "x-csrf-token");
    }
  }

  void read_headers(const Node& node) {
    if (node.kind != Node::Kind::map || node.entries.empty() || node.entries.size() > kMostListed) {
      return refuse_value(context_, node, fields_.what("headers"),
                          fmt::format("a map of 1 to {} names and values", kMostListed),
                          "{Content-Security-Policy: \"default-src 'self'\"}");
    }
    for (const Entry& entry : node.entries) read_header(entry);
  }

  void read_header(const Entry& entry) {
    const std::string what = fmt::format("'{}' in {}", entry.key, fields_.what("headers"));
    std::string name = lower_case(entry.key);
    if (!is_settable(name)) {
      return refuse(entry.mark, "bad-name", what + " cannot be set for all answers", entry.key,
                    "a field that does not frame the message, such as Content-Security-Policy");
    }
    auto value = read_text(context_, *entry.value, what);
    if (!value) return;
    if (!value->value.empty() && !is_plain_value(value->value)) {
      return refuse_value(context_, *entry.value, what,
                          fmt::format("printable ASCII of at most {} characters; \"\" for none", kLongestFieldValue));
    }
    rules_.headers.push_back({std::move(name), std::move(value->value)});
  }

  void read_size(std::string_view key, std::uint64_t& into) {
    const auto text = fields_.text(key);
    if (!text) return;
    const auto size = parse_bytes(text->value);
    if (size && size->count > 0) {
      into = size->count;
    } else {
      refuse_value(context_, *fields_.find(key), fields_.what(key), "a size above zero", "1MiB");
    }
  }

  std::vector<Text> read_some(const Node& node, const std::string& what, std::size_t most, std::string_view allowed) {
    return manifest::read_some(context_, node, what, most, allowed);
  }

  Context& context_;
  const Fields& fields_;
  EdgeRules& rules_;
};

void add_unless_there(std::vector<AnswerField>& fields, const AnswerField& field) {
  if (std::ranges::find(fields, field.name, &AnswerField::name) == fields.end()) fields.push_back(field);
}

}  // namespace

std::vector<Limit> read_limits(Context& context, const Node& node, const std::string& what) {
  std::vector<Limit> limits;
  for (const Text& text : read_some(context, node, what, kMostLimits, "20/s per address")) {
    auto limit = parse_limit(text.value);
    if (limit) {
      if (std::ranges::find(limits, *limit) == limits.end()) limits.push_back(std::move(*limit));
      continue;
    }
    Mistake& mistake = context.report.add(text.mark, "bad-value", what + " is no limit");
    mistake.found = fmt::format("'{}'", text.value);
    mistake.allowed = kLimitAllowed;
  }
  return limits;
}

void read_edge_rules(Context& context, const Fields& fields, EdgeRules& rules) {
  EdgeReader(context, fields, rules).run();
}

void complete_edge_rules(Gateway& gateway) {
  std::vector<AnswerField> usual{{"x-content-type-options", "nosniff"},
                                 {"x-frame-options", "SAMEORIGIN"},
                                 {"referrer-policy", "strict-origin-when-cross-origin"}};
  // A browser that was told so once refuses a certificate that it does not know.
  if (gateway.tls.mode == Tls::Mode::files) usual.push_back({"strict-transport-security", "max-age=31536000"});
  for (const AnswerField& field : usual) add_unless_there(gateway.rules.headers, field);
  for (Route& route : gateway.routes) {
    for (const AnswerField& field : gateway.rules.headers) add_unless_there(route.rules.headers, field);
    std::erase_if(route.rules.headers, [](const AnswerField& field) { return field.value.empty(); });
    if (!route.rules.auth) route.rules.auth = gateway.rules.auth;
    if (!route.rules.cors) route.rules.cors = gateway.rules.cors;
    if (route.rules.most_request == 0) route.rules.most_request = gateway.rules.most_request;
    if (route.rules.most_answer == 0) route.rules.most_answer = gateway.rules.most_answer;
  }
  std::erase_if(gateway.rules.headers, [](const AnswerField& field) { return field.value.empty(); });
}

}  // namespace bulkhead::manifest
