#include "proxy/mesh_harness.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "identity/key.hpp"
#include "net/instance_link.hpp"
#include "proxy/pool.hpp"

namespace bulkhead::proxy::testing {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kPatience{20};

template <class T>
T expect_value(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

}  // namespace

std::string spiffe_of(std::string_view service) {
  return fmt::format("spiffe://{}/{}/{}", kTrustDomain, kApp, service);
}

policy::Edge call(std::string from, std::string to, std::uint16_t port, Protocol protocol,
                  std::vector<std::string> permissions) {
  policy::Edge edge;
  edge.id = from + ".calls." + to;
  edge.from = std::move(from);
  edge.to = std::move(to);
  edge.port = {port};
  edge.protocol = protocol;
  edge.position = {"bulkhead.yaml", 7, 5};
  for (const std::string& text : permissions) {
    const auto parsed = expect_value(manifest::parse_permission(text, protocol));
    policy::Permission permission;
    permission.id = fmt::format("{}[{}]", edge.id, edge.permissions.size());
    permission.methods = parsed.methods;
    permission.path = parsed.path;
    permission.text = text;
    permission.position = edge.position;
    edge.permissions.push_back(std::move(permission));
  }
  return edge;
}

FakeController::FakeController(net::Loop& loop, const std::string& directory)
    : loop_(loop), socket_(directory + "/control.sock"), news_(loop), gate_(loop) {
  const auto wall = [] { return std::chrono::system_clock::now(); };
  authority_ = expect_value(identity::Authority::open_or_create(directory + "/ca", kTrustDomain, wall));
  listener_ = expect_value(net::Listener::open(loop_, expect_value(net::Address::unix_socket(socket_))));
  gate_.spawn(accept());
}

net::Task<> FakeController::accept() {
  while (true) {
    auto stream = co_await listener_.accept();
    if (!stream) co_return;
    if (!refusing_) gate_.spawn(serve(std::move(*stream)));
  }
}

net::Task<> FakeController::serve(net::Stream stream) {
  net::FrameChannel channel(std::move(stream));
  std::string instance;
  while (true) {
    auto frame = co_await channel.receive(net::Deadline::never());
    if (!frame) break;
    const json message = json::parse(frame->payload);
    const std::string type = message["type"];
    if (type == "hello") {
      instance = message["instance"];
      channels_[instance] = &channel;
      send_snapshot(instance);
    } else if (type == "sign") {
      resign(instance, message["csr"].get<std::string>());
    }
    heard_[instance][type] = message;
    news_.notify_all();
  }
  if (channels_[instance] == &channel) channels_.erase(instance);
}

void FakeController::resign(const std::string& instance, const std::string& request) {
  const std::string service = instance.substr(0, instance.rfind('-'));
  const auto id = expect_value(identity::SpiffeId::parse(spiffe_of(service)));
  const auto svid = expect_value(authority_->sign(request, id, life_));
  ++signed_;
  ask(instance, {{"type", "svid"}, {"chain", svid.chain_pem}, {"bundle", authority_->bundle_pem()}});
}

void FakeController::drop(const std::string& instance) {
  if (channels_.contains(instance)) channels_[instance]->close();
}

void FakeController::set_snapshot(Snapshot snapshot) {
  const std::string instance = snapshot.instance;
  snapshots_[instance] = std::move(snapshot);
  send_snapshot(instance);
}

void FakeController::send_snapshot(const std::string& instance) {
  if (!channels_.contains(instance) || !snapshots_.contains(instance)) return;
  const Snapshot& snapshot = snapshots_[instance];
  ask(instance, {{"type", "snapshot"}, {"hash", content_hash(snapshot)}, {"snapshot", to_json(snapshot)}});
}

void FakeController::ask(const std::string& instance, const json& message) {
  const auto sent = channels_.at(instance)->send(message.dump());
  EXPECT_TRUE(sent.has_value());
}

net::Task<> FakeController::until(std::function<bool()> condition) {
  const auto deadline = loop_.in(kPatience);
  while (!condition()) {
    const auto woken = co_await news_.wait(std::min(deadline, loop_.in(std::chrono::milliseconds(5))));
    if (!woken && deadline.passed(loop_.now())) throw std::runtime_error("waited in vain");
  }
}

net::Task<> FakeController::until_applied(const std::string& instance) {
  return until([this, instance] {
    const json& answer = heard_[instance]["applied"];
    if (heard_[instance].contains("rejected")) {
      throw std::runtime_error(heard_[instance]["rejected"]["error"].get<std::string>());
    }
    return answer.is_object() && answer["hash"] == content_hash(snapshots_[instance]);
  });
}

net::Task<> FakeController::until_ready(const std::string& instance) {
  return until([this, instance] {
    const json& health = heard_[instance]["health"];
    return health.is_object() && health["state"] == "ready";
  });
}

FakeCompartment::FakeCompartment(net::Loop& loop) : loop_(loop), gate_(loop) {
  auto pair = expect_value(net::seqpacket_pair());
  sidecar_end_ = std::move(pair.first);
  watch_ = expect_value(net::Watch::adopt(loop_, std::move(pair.second)));
  gate_.spawn(answer());
}

net::Task<> FakeCompartment::answer() {
  while (true) {
    const auto message = net::receive_message(watch_.fd());
    if (!message && message.error().cause == Cause::exhausted) {
      watch_.not_readable();
      const auto readable = co_await watch_.readable(net::Deadline::never());
      if (readable) continue;
    }
    if (!message) co_return;
    net::VendRequest request;
    std::memcpy(&request, message->payload.data(), sizeof request);
    net::VendReply reply{request.id, ECONNREFUSED};
    std::vector<int> fds;
    net::Stream stream;
    Fd socket;
    if (const auto found = ports_.find(request.port); found != ports_.end()) {
      auto connected = co_await net::connect(loop_, found->second, loop_.in(kPatience));
      if (connected) {
        reply.error = 0;
        socket = connected->release();
        fds.push_back(socket.get());
      }
    }
    const std::string_view bytes(reinterpret_cast<const char*>(&reply), sizeof reply);
    const auto sent = net::send_message(watch_.fd(), bytes, fds);
    EXPECT_TRUE(sent.has_value() || sent.error().cause == Cause::closed);
  }
}

FakeService::FakeService(net::Loop& loop, Handler handler, std::shared_ptr<net::TlsContext> tls)
    : loop_(loop),
      handler_(std::move(handler)),
      tls_(std::move(tls)),
      shutdown_(loop),
      gate_(std::make_unique<net::Gate>(loop)) {
  listener_ = expect_value(net::Listener::open(loop_, net::Address::loopback(0)));
  gate_->spawn(accept());
}

FakeService::FakeService(net::Loop& loop, std::function<net::Task<>(net::Stream)> raw)
    : loop_(loop), raw_(std::move(raw)), shutdown_(loop), gate_(std::make_unique<net::Gate>(loop)) {
  listener_ = expect_value(net::Listener::open(loop_, net::Address::loopback(0)));
  gate_->spawn(accept());
}

void FakeService::stop() {
  listener_.close();
  gate_ = std::make_unique<net::Gate>(loop_);
}

net::Task<> FakeService::accept() {
  while (true) {
    auto stream = co_await listener_.accept();
    if (!stream) co_return;
    ++connections_;
    gate_->spawn(raw_ ? raw_(std::move(*stream)) : serve_one(std::move(*stream)));
  }
}

net::Task<> FakeService::serve_one(net::Stream stream) {
  if (tls_) {
    const auto secured = co_await stream.handshake(tls_, {}, loop_.in(kPatience));
    if (!secured) co_return;
  }
  co_await serve(std::move(stream), handler_, options_, shutdown_);
}

Node::Node(net::Loop& loop, FakeController& controller, const std::string& directory, std::string service,
           std::string instance, OutsideOptions outside, bool has_records)
    : service_(std::move(service)),
      instance_(std::move(instance)),
      inner_(fmt::format("unix:{}/{}.sock", directory, instance_)),
      records_(fmt::format("{}/{}.jsonl", directory, instance_)),
      compartment_(loop) {
  Hello hello;
  hello.instance = instance_;
  hello.app = kApp;
  hello.service = service_;
  hello.trust_domain = kTrustDomain;
  hello.controller_socket = controller.socket();
  hello.inner = inner_;
  if (has_records) hello.records = records_;
  hello.fds[std::string(net::kVendor)] = compartment_.take_sidecar_end();
  for (const std::string_view name : {net::kDoor4, net::kDoor6}) {
    Fd door = expect_value(net::open_listening_socket(net::Address::loopback(0)));
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(door.get(), reinterpret_cast<sockaddr*>(&storage), &size);
    doors_.push_back(expect_value(net::Address::from(reinterpret_cast<sockaddr*>(&storage), size)));
    hello.fds[std::string(name)] = std::move(door);
  }
  KeeperLink keeper{[this](std::string_view type, int) { said_.emplace(type); },
                    [](const Fault& fault) { throw std::runtime_error(fault.message); }};
  sidecar_ = expect_value(Sidecar::make(loop, std::move(hello), std::move(keeper), std::move(outside)));
}

std::string Node::records() const { return expect_value(read_file(records_)); }

Snapshot Node::snapshot() const {
  Snapshot snapshot;
  snapshot.app = kApp;
  snapshot.service = service_;
  snapshot.instance = instance_;
  snapshot.trust_domain = kTrustDomain;
  snapshot.spiffe_id = spiffe_of(service_);
  snapshot.hints.manifest = "bulkhead.yaml";
  return snapshot;
}

NamedCertificate certificate_for(const std::string& dns_name) {
  NamedCertificate made{"", expect_value(identity::generate_key())};
  const net::OpensslPtr<X509> certificate(X509_new());
  X509* raw = certificate.get();
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), 1);
  X509_gmtime_adj(X509_getm_notBefore(raw), -60);
  X509_gmtime_adj(X509_getm_notAfter(raw), 3600);
  const auto* name = reinterpret_cast<const unsigned char*>("a test");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "O", MBSTRING_ASC, name, -1, -1, 0);
  X509_set_issuer_name(raw, X509_get_subject_name(raw));
  X509_set_pubkey(raw, made.key.get());
  X509_EXTENSION* san = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + dns_name).c_str());
  X509_add_ext(raw, san, -1);
  X509_EXTENSION_free(san);
  X509_sign(raw, made.key.get(), EVP_sha256());
  const net::OpensslPtr<BIO> memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), raw);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  made.pem.assign(text, static_cast<std::size_t>(size));
  return made;
}

Client::Client(net::Loop& loop, net::Address address, UpstreamProtocol protocol, std::optional<ClientTls> tls)
    : loop_(loop), address_(address), protocol_(protocol), tls_(std::move(tls)), pool_(loop, PoolOptions{}) {}

net::Task<Result<net::Stream>> Client::connect(net::Deadline deadline) {
  auto stream = co_await net::connect(loop_, address_, deadline);
  if (!stream || !tls_) co_return stream;
  net::TlsConfig config;
  config.role = net::TlsRole::client;
  config.peer = net::PeerCheck::server_name;
  config.trust_anchors_pem = tls_->anchors_pem;
  config.alpn = {tls_->alpn};
  config.allow_tls12 = true;
  if (tls_->credential) config.credentials = {*tls_->credential};
  auto context = expect_value(net::TlsContext::make(std::move(config)));
  net::HandshakeOptions options;
  options.server_name = tls_->server_name;
  const auto secured = co_await stream->handshake(context, std::move(options), deadline);
  if (!secured) co_return fail(secured.error());
  co_return stream;
}

net::Task<Result<std::unique_ptr<ClientExchange>>> Client::open() {
  const PoolTarget target{"test", protocol_, 0};
  const Connector connector = [this](net::Deadline deadline) { return connect(deadline); };
  auto exchange = co_await pool_.acquire(target, connector, loop_.in(kPatience));
  co_return exchange;
}

net::Task<Result<Reply>> Client::send(http::Request request, std::string body, http::Fields trailers) {
  auto exchange = co_await open();
  if (!exchange) co_return fail(std::move(exchange.error()));
  const auto deadline = loop_.in(kPatience);
  request.body = !body.empty() || !trailers.empty();
  if (request.body && protocol_ == UpstreamProtocol::http1) request.content_length = body.size();
  const auto sent = co_await (*exchange)->send_head(request, !request.body, deadline);
  if (!sent) co_return fail(sent.error());
  if (request.body) {
    const auto written = co_await (*exchange)->send_body(body, trailers.empty(), deadline);
    if (!written) co_return fail(written.error());
  }
  if (!trailers.empty()) {
    const auto written = co_await (*exchange)->send_trailers(std::move(trailers));
    if (!written) co_return fail(written.error());
  }
  auto reply = co_await read_reply(loop_, **exchange);
  co_return reply;
}

net::Task<Result<Reply>> Client::get(std::string target) { return send(request_of("GET", std::move(target))); }

http::Request request_of(std::string method, std::string target) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.authority = "peer";
  request.scheme = "http";
  return request;
}

http::Request grpc_request(std::string target) {
  http::Request request = request_of("POST", std::move(target));
  request.version = http::Version::http2;
  request.fields.add("content-type", "application/grpc");
  request.fields.add("te", "trailers");
  return request;
}

net::Task<Result<Reply>> read_reply(net::Loop& loop, ClientExchange& exchange) {
  const auto deadline = loop.in(kPatience);
  auto head = co_await exchange.read_head(deadline);
  while (head && head->interim()) head = co_await exchange.read_head(deadline);
  if (!head) co_return fail(head.error());
  Reply reply;
  reply.status = head->status;
  reply.fields = std::move(head->fields);
  bool end = !head->body;
  while (!end) {
    const auto part = co_await exchange.read_body(deadline);
    if (!part) co_return fail(part.error());
    reply.body.append(part->data);
    end = part->end;
  }
  reply.trailers = exchange.trailers();
  co_return reply;
}

net::Task<> reply_text(ServerExchange& exchange, std::uint16_t status, std::string text) {
  http::Response response;
  response.status = status;
  response.content_length = text.size();
  response.body = true;
  const auto sent = co_await exchange.send_head(std::move(response), false);
  if (!sent) co_return;
  static_cast<void>(co_await exchange.send_body(text, true, net::Deadline::never()));
}

net::Task<std::string> read_request_body(ServerExchange& exchange) {
  std::string body;
  while (true) {
    const auto part = co_await exchange.read_body(net::Deadline::never());
    if (!part) co_return body;
    body.append(part->data);
    if (part->end) co_return body;
  }
}

}  // namespace bulkhead::proxy::testing
