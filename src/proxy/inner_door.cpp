#include "proxy/inner_door.hpp"

#include <algorithm>
#include <set>

#include "http/grpc.hpp"
#include "http/target.hpp"
#include "proxy/authorize.hpp"
#include "proxy/deadlines.hpp"
#include "proxy/defaults.hpp"
#include "proxy/proof.hpp"
#include "proxy/request_fields.hpp"
#include "proxy/splice.hpp"
#include "proxy/tcp_preamble.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::string_view kHop = "inner";

// `resource` is null as long as the contract has not been asked.
Judgement judge_request(const Snapshot& snapshot, const Visit& visit, Protocol protocol, const http::Fields& fields,
                        const conditions::Value* resource) {
  const std::string_view path = http::split_target(visit.path).path;
  const conditions::Value headers = headers_of(fields);
  return judge(
      snapshot, snapshot.inbound.edges,
      {visit.caller, visit.callee, {visit.port}, protocol, visit.method, path, &headers, policy_user(visit), resource});
}

Judgement judge_connection(const Snapshot& snapshot, const Visit& visit) {
  return judge(snapshot, snapshot.inbound.edges, {visit.caller, visit.callee, {visit.port}, Protocol::tcp, {}, {}});
}

// Until when the caller waits; nothing if what it says can't be read.
std::optional<net::Deadline> caller_waits_until(const http::Fields& fields, bool grpc, net::SteadyTime now) {
  const std::string_view name = grpc ? kGrpcTimeout : kTimeoutField;
  if (!fields.has(name)) return net::Deadline::never();
  const auto text = fields.only(name);
  const auto left = !text ? std::nullopt : grpc ? parse_grpc_timeout(*text) : parse_timeout(*text);
  if (!left) return std::nullopt;
  return net::Deadline(deadline_after(*left, now));
}

// How many services may call.
std::size_t callers_of(const Inbound& inbound) {
  std::set<std::string_view> callers;
  for (const policy::Edge& edge : inbound.edges) callers.insert(edge.from);
  return callers.size();
}

class Counted {
 public:
  explicit Counted(std::uint32_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::uint32_t& count_;
};

}  // namespace

InnerDoor::InnerDoor(Core& core, LocalService& service)
    : core_(core), service_(service), doorkeeper_(core.loop), shutdown_(core.loop), gate_(core.loop) {
  options_.scheme = "https";
  options_.unsized_may_rest = true;
  rules_.audience = Audience::mesh;
  rules_.hop_name = core.instance;
  rules_.give_back = true;
}

Result<> InnerDoor::open(const net::Address& address) {
  auto listener = net::Listener::open(core_.loop, address);
  if (!listener) return fail(within("inner door", std::move(listener.error())));
  listener_ = std::move(*listener);
  return {};
}

Result<> InnerDoor::adopt(Fd listening) {
  auto listener = net::Listener::adopt(core_.loop, std::move(listening));
  if (!listener) return fail(within("inner door", std::move(listener.error())));
  listener_ = std::move(*listener);
  listener_.own_path();
  return {};
}

net::Task<Result<>> InnerDoor::prove_it_denies() {
  auto beside = net::Listener::open(core_.loop, net::Address::loopback(0));
  if (!beside) co_return fail(std::move(beside.error()));
  net::Gate accepting(core_.loop);
  accepting.spawn(accept(*beside));
  auto proven = co_await prove_inner_door_denies(core_, beside->address());
  beside->close();
  co_return proven;
}

void InnerDoor::start() { gate_.spawn(accept(listener_)); }

void InnerDoor::begin_drain() {
  listener_.close();
  shutdown_.set();
}

net::Task<> InnerDoor::drain(net::Deadline deadline) {
  begin_drain();
  while (gate_.inside() > 0 && !deadline.passed(core_.loop.now())) {
    co_await net::sleep(core_.loop, core_.loop.in(std::chrono::milliseconds(10)));
  }
}

net::Task<> InnerDoor::accept(net::Listener& listener) {
  while (true) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    gate_.spawn(serve_connection(std::move(*stream)));
  }
}

bool InnerDoor::is_of_our_app(const identity::SpiffeId& peer) const {
  const identity::SpiffeId& own = core_.credentials.own();
  return peer.trust_domain() == own.trust_domain() && peer.app() == own.app() && !peer.service().empty();
}

net::Task<> InnerDoor::serve_connection(net::Stream stream) {
  const auto context = core_.credentials.server();
  if (!context) co_return;
  const auto secured = co_await stream.handshake(context, {}, core_.loop.in(defaults::kHandshake));
  if (!secured) {
    core_.journal.refused_handshake(secured.error());
    co_return;
  }
  const identity::SpiffeId peer = identity::peer_identity(stream.peer());
  if (!is_of_our_app(peer)) {
    core_.journal.refused_handshake({Cause::denied, "a peer of another application: " + peer.text()});
    co_return;
  }
  const bool tcp = stream.alpn() == kAlpnTcp;
  if (tcp) {
    co_await serve_tcp(std::move(stream), peer);
  } else {
    co_await serve_http(std::move(stream), peer);
  }
}

net::Task<> InnerDoor::serve_http(net::Stream stream, identity::SpiffeId peer) {
  const Handler handler = [this, &peer](ServerExchange& exchange) { return serve_request(exchange, peer); };
  const Result<> served = co_await serve(std::move(stream), handler, options_, shutdown_);
  if (!served) core_.journal.flooded(peer.text(), served.error());
}

net::Task<> InnerDoor::serve_request(ServerExchange& exchange, const identity::SpiffeId& peer) {
  http::Request& request = exchange.request();
  const ConfigPtr config = core_.config;
  const auto& ports = config->snapshot().inbound.ports;
  const auto named = named_port(request.fields);
  const bool only_one = !request.fields.has(kPortField) && ports.size() == 1;
  Visit visit;
  visit.protocol = spoken_protocol(request);
  const auto deadline = caller_waits_until(request.fields, visit.grpc(), core_.loop.now());
  strip_identity(request.fields);

  visit.side = telemetry::Side::callee;
  visit.hop = kHop;
  visit.caller = peer.service();
  visit.callee = core_.service();
  const std::uint16_t wanted = named ? *named : only_one ? ports.front().number : 0;
  // Counted under a port that there is: a peer must not fill our tables with numbers of its own.
  visit.port = config->served(wanted) != nullptr ? wanted : 0;
  visit.method = request.method;
  visit.path = request.target;
  visit.hide(config->own_mask(), visit.path);
  visit.trace = carry_trace(request.fields, core_.journal.random(), TraceHop::last);
  tell_request_id(request.fields, visit.trace);
  core_.journal.begin(visit);

  // Whoever says that it is for somebody proves it, or says nothing.
  if (auto user = core_.end_users.read(request.fields, came_at(visit))) {
    visit.user = std::move(*user);
  } else {
    co_await refuse_user(exchange, visit, user.error());
    co_return core_.journal.finish(visit);
  }

  const ServedPort* port = config->served(visit.port);
  const Protocol protocol = port != nullptr ? port->protocol : Protocol::http;
  Judgement judged = judge_request(config->snapshot(), visit, protocol, request.fields, nullptr);
  const std::uint32_t limit = config->snapshot().inbound.limits.max_in_flight;
  const bool full = in_flight_ >= (limit != 0 ? limit : defaults::kMaxInFlight);
  if (judged.allowed && !judged.left_to_callee && judged.refusal)
    core_.journal.denied(visit, *judged.refusal, judged.verdict);
  if (!judged.allowed) {
    if (port == nullptr) judged.refusal->reason = fmt::format("{} does not serve port {}", visit.callee, wanted);
    co_await deny(exchange, visit, std::move(judged));
  } else if (port == nullptr) {
    co_await refuse_with(exchange, visit, {RefusalCause::misdirected, {}});
  } else if (full) {
    co_await refuse_with(exchange, visit, {RefusalCause::overloaded, fmt::format("{} are served already", in_flight_)});
  } else if (!deadline) {
    co_await refuse_with(exchange, visit, {RefusalCause::bad_request, "the time that it has can't be read"});
  } else {
    learn(config);
    co_await admit(exchange, visit, {.port = *port, .deadline = *deadline, .undecided = judged.left_to_callee});
  }
  core_.journal.finish(visit);
}

[[gnu::noinline]] net::Task<> InnerDoor::deny(ServerExchange& exchange, Visit& visit, Judgement judged) {
  visit.status = facts(judged.refusal->cause).status;
  visit.cause = facts(judged.refusal->cause).name;
  core_.journal.denied(visit, *judged.refusal, judged.verdict);
  co_await refuse(exchange, std::move(*judged.refusal), visit, Audience::mesh, core_.instance);
}

[[gnu::noinline]] net::Task<> InnerDoor::refuse_with(ServerExchange& exchange, Visit& visit, Why why) {
  Refusal refusal;
  refusal.cause = why.cause;
  refusal.reason = std::move(why.detail);
  visit.status = facts(refusal.cause).status;
  visit.cause = facts(refusal.cause).name;
  if (visit.grpc()) visit.grpc_status = static_cast<int>(facts(refusal.cause).grpc);
  co_await refuse(exchange, std::move(refusal), visit, Audience::mesh, core_.instance);
}

[[gnu::noinline]] net::Task<> InnerDoor::refuse_user(ServerExchange& exchange, Visit& visit,
                                                     const jose::TokenFault& fault) {
  Refusal refusal = user_refusal(core_.config->snapshot(), visit, fault);
  visit.status = facts(refusal.cause).status;
  visit.cause = facts(refusal.cause).name;
  core_.journal.denied(visit, refusal, policy::to_string(policy::Verdict::denied));
  co_await refuse(exchange, std::move(refusal), visit, Audience::mesh, core_.instance);
}

void InnerDoor::learn(const ConfigPtr& config) {
  if (learned_ == config) return;
  learned_ = config;
  const Inbound& inbound = config->snapshot().inbound;
  const bool grpc = std::ranges::find(inbound.ports, Protocol::grpc, &ServedPort::protocol) != inbound.ports.end();
  doorkeeper_.configure(admission_limits(inbound.concurrency, grpc, callers_of(inbound)));
  contract_.configure(inbound);
}

net::Task<> InnerDoor::admit(ServerExchange& exchange, Visit& visit, Entrant entrant) {
  const Counted counted(in_flight_);
  if (contract_.contract() && entrant.port.protocol == Protocol::http)
    co_return co_await hold_to_contract(exchange, visit, entrant);
  entrant.resource = conditions::Document::empty_map();
  if (contract_.grpc() && entrant.port.protocol == Protocol::grpc)
    co_return co_await hold_to_descriptors(exchange, visit, entrant);
  co_await let_in(exchange, visit, entrant);
}

net::Task<> InnerDoor::hold_to_descriptors(ServerExchange& exchange, Visit& visit, Entrant& entrant) {
  const bool audited = contract_.terms().audited;
  GrpcContractedExchange contracted(exchange, contract_, core_.journal, visit);
  const auto broken = co_await contracted.check_request(audited, entrant.deadline);
  if (!broken) {
    co_await let_in(contracted, visit, entrant);
    co_return contracted.conclude();
  }
  if (!broken->gone) co_return co_await contracted.refuse(*broken);
  visit.broke_off = true;
}

// Before it takes a place among requests: a body may come slowly.
net::Task<> InnerDoor::hold_to_contract(ServerExchange& exchange, Visit& visit, Entrant& entrant) {
  const bool audited = contract_.terms().audited;
  ContractedExchange contracted(exchange, contract_, core_.journal, visit);
  const auto refused = co_await contracted.check_request(audited, entrant.deadline);
  if (!refused) {
    entrant.most_request = contracted.most_request();
    entrant.resource = contracted.resource();
    co_return co_await let_in(contracted, visit, entrant);
  }
  if (refused->problem) co_return co_await contracted.refuse(*refused->problem);
  if (refused->overloaded)
    co_return co_await refuse_with(exchange, visit, {RefusalCause::overloaded, "too much is held to be checked"});
  visit.broke_off = true;
}

// A tunnel may stay for days: it takes no place among requests.
net::Task<> InnerDoor::let_in(ServerExchange& exchange, Visit& visit, const Entrant& entrant) {
  if (entrant.undecided) {  // by the rules as they are now: the body may have come slowly
    auto judged = judge_request(core_.config->snapshot(), visit, entrant.port.protocol, exchange.request().fields,
                                &entrant.resource);
    if (!judged.allowed) co_return co_await deny(exchange, visit, std::move(judged));
    if (judged.refusal) core_.journal.denied(visit, *judged.refusal, judged.verdict);
  }
  Doorkeeper::Place place;
  if (exchange.request().protocol.empty()) {
    const auto came = core_.loop.now();
    auto refused = co_await doorkeeper_.enter(place, visit.caller, exchange, entrant.deadline);
    visit.queued = core_.loop.now() - came;
    if (refused) co_return co_await refuse_with(exchange, visit, std::move(*refused));
  }
  OpenRequests::Entry open;
  if (!entrant.deadline.is_never() || visit.user)
    core_.open_requests.add(open, visit.trace.context, entrant.deadline.time(), visit.user);
  co_await forward(exchange, visit, entrant);
}

net::Task<> InnerDoor::forward(ServerExchange& exchange, Visit& visit, const Entrant& entrant) {
  http::Request request = std::move(exchange.request());
  LocalDestination destination(core_.loop, service_, entrant.port, core_.instance);
  Flight flight;
  flight.still_allowed = [&visit, &request, &entrant](const Config& config) {
    return judge_request(config.snapshot(), visit, entrant.port.protocol, request.fields, &entrant.resource).allowed;
  };
  flight.revoke = [] {};
  core_.flights.add(flight);
  const RelayTerms terms{.deadline = entrant.deadline, .deadline_is_inherited = true};
  RelayRules rules = rules_;
  rules.most_request = entrant.most_request;
  co_await relay(exchange, request, destination, visit, rules, terms, flight, core_.loop);
}

net::Task<> InnerDoor::serve_tcp(net::Stream stream, identity::SpiffeId peer) {
  std::string bytes(TcpPreamble::kSize, '\0');
  const auto deadline = core_.loop.in(defaults::kPreamble);
  const auto read = co_await read_whole(stream, bytes, deadline);
  if (!read) co_return;
  const auto preamble = decode_tcp_preamble(bytes);
  if (!preamble) {
    core_.journal.refused_handshake(preamble.error());
    co_return;
  }
  Visit visit;
  visit.side = telemetry::Side::callee;
  visit.hop = kHop;
  visit.caller = peer.service();
  visit.callee = core_.service();
  visit.port = core_.config->served(preamble->port) != nullptr ? preamble->port : 0;
  visit.protocol = "tcp";
  visit.instance = core_.instance;
  visit.trace.context = telemetry::start_span(preamble->context, core_.journal.random());
  visit.trace.parent = preamble->context.span_id;
  core_.journal.begin(visit);
  co_await tunnel(stream, visit);
  core_.journal.finish(visit);
}

net::Task<> InnerDoor::tunnel(net::Stream& stream, Visit& visit) {
  const ConfigPtr config = core_.config;
  const auto deadline = core_.loop.in(defaults::kPreamble);
  const auto judged = judge_connection(config->snapshot(), visit);
  TcpAnswer answer;
  net::Stream inside;
  // From here on a new snapshot may end it, also while the service is being connected to.
  Flight flight;
  flight.still_allowed = [&visit](const Config& now) { return judge_connection(now.snapshot(), visit).allowed; };
  flight.revoke = [&] {
    visit.cause = "revoked";
    stream.reset();
    if (inside) inside.reset();
  };
  if (!judged.allowed) {
    core_.journal.denied(visit, *judged.refusal, judged.verdict);
    visit.cause = facts(RefusalCause::denied).name;
    answer = {TcpStatus::denied, sentence(*judged.refusal)};
  } else {
    if (judged.refusal) core_.journal.denied(visit, *judged.refusal, judged.verdict);
    core_.flights.add(flight);
    auto connected = co_await service_.connect(visit.port, core_.loop.in(defaults::kVend));
    if (connected) inside = std::move(*connected);
    if (!connected) visit.cause = facts(RefusalCause::unreachable).name;
    if (!connected) answer = {TcpStatus::unavailable, connected.error().message};
  }
  visit.broke_off = !inside;
  if (inside) visit.answer_began();
  if (!stream) co_return;
  const std::string text = encode(answer);
  const auto written = co_await stream.write(text, deadline);
  if (!written || !inside) {
    visit.broke_off = true;
    if (stream) co_await stream.shutdown_write(deadline);
    co_return;
  }
  const Spliced spliced = co_await splice(stream, inside);
  visit.bytes_sent = spliced.to_right;
  visit.bytes_received = spliced.to_left;
  visit.broke_off = spliced.broke_off;
}

}  // namespace bulkhead::proxy
