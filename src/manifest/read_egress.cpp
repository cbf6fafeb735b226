#include <algorithm>

#include "manifest/draft.hpp"
#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kEgressAllowed =
    "https://host, https://host:port, http://host[:port] or tcp://host:port, one exact host each";

struct Url {
  Scheme scheme;
  std::string_view rest;
};

std::optional<Url> split_scheme(std::string_view text) {
  for (Scheme scheme : {Scheme::https, Scheme::http, Scheme::tcp}) {
    std::string prefix = fmt::format("{}://", to_string(scheme));
    if (text.starts_with(prefix)) return Url{scheme, text.substr(prefix.size())};
  }
  return std::nullopt;
}

// What is wrong with the host, "" where nothing is.
std::string_view wrong_host(std::string_view host) {
  if (host.find('*') != std::string_view::npos) return "wildcards are not possible: name each host";
  bool ascii = std::ranges::all_of(host, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii) return "write an international name in its xn-- form";
  if (is_ipv4(host)) return host.starts_with("0.") ? "0.0.0.0 is no host" : "";
  if (is_ipv6(host)) return host == "::" ? ":: is no host" : "";
  return is_host_name(host) ? "" : "it is neither a DNS name nor an IP address";
}

class EgressReader {
 public:
  EgressReader(Context& context, const Node& node, std::string what, Egress& egress)
      : context_(context), node_(node), what_(std::move(what)), egress_(egress) {}

  bool run() {
    auto text = read_text(context_, node_, what_);
    if (!text) return false;
    auto url = split_scheme(text->value);
    if (!url) return refuse("the scheme is missing: https://, http:// or tcp://");
    egress_.scheme = url->scheme;
    if (url->rest.find('@') != std::string_view::npos) return refuse("a user or password does not belong here");
    if (url->rest.find_first_of("/?#") != std::string_view::npos) {
      return refuse("only a host and a port can be declared: leave out the path");
    }
    return take_address(url->rest);
  }

 private:
  bool take_address(std::string_view text) {
    bool bracketed_alone = text.starts_with('[') && text.ends_with(']');
    bool has_port = !bracketed_alone && text.find(':') != std::string_view::npos;
    std::string_view host = text;
    if (has_port) {
      std::size_t colon = text.rfind(':');
      auto port = parse_port(text.substr(colon + 1));
      if (!port) return refuse("the port must be a number from 1 to 65535");
      egress_.port = *port;
      host = text.substr(0, colon);
    } else if (egress_.scheme == Scheme::tcp) {
      return refuse("tcp:// needs a port");
    } else {
      egress_.port = Port{static_cast<std::uint16_t>(egress_.scheme == Scheme::https ? 443 : 80)};
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    egress_.host = lower_case(host);
    if (auto wrong = wrong_host(egress_.host); !wrong.empty()) return refuse(wrong);
    egress_.is_address = is_ipv4(egress_.host) || is_ipv6(egress_.host);
    return true;
  }

  bool refuse(std::string_view why) {
    refuse_value(context_, node_, what_, "the address of one host outside", kEgressAllowed);
    context_.report.last().help.emplace_back(why);
    return false;
  }

  Context& context_;
  const Node& node_;
  std::string what_;
  Egress& egress_;
};

}  // namespace

void read_egress(Context& context, const Node& node, Service& service) {
  std::string what = fmt::format("'egress' of service '{}'", service.name);
  if (node.kind == Node::Kind::null) return;
  if (node.kind != Node::Kind::map) {
    return refuse_value(context, node, what, "a map of names to addresses", "{mail: \"https://api.mail.example\"}");
  }
  for (const Entry& entry : node.entries) {
    Egress egress{.name = entry.key, .position = context.report.position(entry.mark)};
    if (!check_name(context, entry.mark, entry.key, "an egress")) continue;
    std::string owner = fmt::format("egress '{}' of service '{}'", entry.key, service.name);
    if (EgressReader(context, *entry.value, owner, egress).run()) service.egress.push_back(std::move(egress));
  }
}

}  // namespace bulkhead::manifest
