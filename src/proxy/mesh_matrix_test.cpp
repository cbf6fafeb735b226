// Every decision twice: by the pure function that `reach` calls, and on the wire through two sidecars.

#include <gtest/gtest.h>

#include "jose/seal.hpp"
#include "jose/signing_key.hpp"
#include "manifest/wide_path.hpp"
#include "proxy/authorize.hpp"
#include "proxy/mesh_harness.hpp"

namespace bulkhead::proxy::testing {
namespace {

struct Setting {
  const char* name;
  const char* caller;
  bool audited;
  bool faulty;          // the caller's sidecar lets everything through, and believes whom it likes
  bool denied = false;  // deny rules stand in the way of some
  policy::Edge::Learned learned = policy::Edge::Learned::nothing;
  bool sealed = false;  // users' tokens; else they are signed
  Protocol protocol = Protocol::http;
};
using Learned = policy::Edge::Learned;

constexpr const char* kMethods[] = {"GET", "POST", "DELETE", "get"};
constexpr const char* kPaths[] = {
    "/charges/7",        "/charges",     "/charges/",    "/charges//7", "/charges/../admin",
    "/charges/%2e%2e/a", "/charges/%37", "/charges/7;x", "/CHARGES/7",  "/admin"};
constexpr const char* kGrpcMethods[] = {"POST", "GET"};
constexpr const char* kGrpcPaths[] = {
    "/shop.Payments/Charge",  "/shop.Payments/Refund",    "/shop.payments/Charge",   "/shop.Payments/charge",
    "/shop.Payments/Charge/", "/shop.Payments/./Charge",  "/shop.Payments/%43harge", "/shop.Payments/Charge;x",
    "/admin.Payments/Charge", "/shop.Payments//Charge/x",
};
enum class For : std::uint8_t { nobody, gold, silver, forged, expired };
constexpr For kUsers[] = {For::nobody, For::gold, For::silver, For::forged, For::expired};

class Matrix : public MeshFixture, public ::testing::WithParamInterface<Setting> {
 protected:
  Matrix() {
    policy::Edge checkout =
        is_grpc() ? call("checkout", "payments", 8080, Protocol::grpc, {"shop.Payments/*"})
                  : call("checkout", "payments", 8080, Protocol::http, {"GET /charges/*", "POST /charges"});
    const std::string source = is_grpc() ? R"(user.claims.tier == "gold" || request.path.endsWith("/Charge"))"
                                         : R"(user.claims.tier == "gold" || request.method == "POST")";
    checkout.when.emplace(manifest::When{source, checkout.position, *manifest::compile_when(source)});
    edges_ = {checkout, call("search", "payments", 8080, GetParam().protocol)};
    for (policy::Edge& edge : edges_) {
      edge.audited = GetParam().audited;
      edge.learned = GetParam().learned;
      if (!edge.is_declared()) edge.permissions.clear(), edge.when.reset();
      if (!GetParam().denied) continue;
      edge.denies = is_grpc() ? std::vector{deny("shop.Payments/Refund", ""), deny("shop.Payments/Charge", kSilver)}
                              : std::vector{deny("GET|DELETE /Charges/7", ""), deny("POST /*", kSilver)};
    }
  }

  static bool is_grpc() { return GetParam().protocol == Protocol::grpc; }

  // Whoever is nobody has no tier, and is denied.
  static constexpr std::string_view kSilver = R"(user.claims.tier == "silver")";

  static policy::Deny deny(std::string_view requests, std::string_view when) {
    policy::Deny deny{.id = "deny.some", .position = {"bulkhead.yaml", 7, 5}};
    const auto request = *manifest::parse_permission(requests, GetParam().protocol);
    deny.permissions.push_back(
        {"deny.some[0]", request.methods, *manifest::widen_pattern(request.path), request.text, deny.position});
    if (!when.empty())
      deny.when.emplace(manifest::When{std::string(when), deny.position, *manifest::compile_when(when)});
    return deny;
  }

  EndUserPtr user(For whom) const {
    if (whom == For::nobody) return nullptr;
    jose::TxnToken token;
    token.transaction = "t-1";
    token.subject = whom == For::silver ? "bob" : "ann";
    token.scope = "gateway.routes[0]";
    token.context =
        std::make_shared<const jose::TxnContext>(nlohmann::json{{"tier", whom == For::silver ? "silver" : "gold"}});
    token.request.provider = "customers";
    token.issued = wall_seconds() - std::chrono::seconds(whom == For::expired ? 600 : 0);
    token.expires = token.issued + std::chrono::seconds(60);
    Snapshot of;
    of.app = kApp;
    of.trust_domain = kTrustDomain;
    const jose::TxnDomain domain = txn_domain(of);
    const bool forged = whom == For::forged;
    if (!GetParam().sealed) return end_user(*jose::mint(forged ? forger_ : key_, domain, token, token.issued), token);
    // Who forges has the caller's key for seals, as a sidecar of it that was taken over would.
    std::vector<jose::SealKey> keys;
    keys.push_back(seal(GetParam().caller));
    keys.push_back(seal("payments", forged ? kForger : kController));
    return end_user(*jose::mint(keys, domain, token, token.issued), token);
  }

  static constexpr char kController = 'c';
  static constexpr char kForger = 'f';
  static jose::SealKey seal(std::string_view service, char secret = kController) {
    return jose::SealKey::derive(std::string(32, secret), service);
  }

  bool decided(const http::Request& request, const EndUserPtr& user) const {
    const conditions::Value headers = headers_of(request.fields);
    const policy::Attempt attempt{GetParam().caller, "payments",     {8080},   GetParam().protocol,
                                  request.method,    request.target, &headers, user ? &user->user : nullptr};
    return policy::decide(edges_, attempt).allowed();
  }

  Pair snapshots(Node& caller, Node& payments) {
    Pair pair = declare(caller, payments, GetParam().protocol);
    pair.callee.inbound.edges = edges_;
    pair.callee.user_keys = pair.caller.user_keys = key_.public_jwk();
    pair.caller.user_seal = seal(GetParam().caller).text();
    pair.callee.user_seal = seal("payments").text();
    policy::Edge& own = pair.caller.upstreams[0].edge;
    own = call(GetParam().caller, "payments", 8080, GetParam().protocol);
    if (GetParam().faulty) {
      pair.caller.user_keys = fmt::format(R"({{"keys": [{}, {}]}})", key_.public_jwk(), forger_.public_jwk());
      return pair;
    }
    for (const policy::Edge& edge : edges_)
      if (edge.from == own.from) own = edge;
    return pair;
  }

  static http::Request request_of_case(const char* method, const char* path) {
    http::Request request = is_grpc() ? grpc_request(path) : request_of(method, path);
    request.method = method;
    return request;
  }

  // Whether the service answered it; a refusal is one by its status.
  static bool passed(const Reply& reply) {
    const auto head = reply.fields.find("grpc-status");
    const auto status = head ? head : reply.trailers.find("grpc-status");
    if (is_grpc() && status) {
      EXPECT_EQ(reply.status, 200);
      EXPECT_TRUE(status == "0" || status == "7" || status == "3" || status == "13") << *status;
      return status == "0";
    }
    EXPECT_TRUE(reply.status == 200 || reply.status == 403 || reply.status == 400) << reply.status;
    return reply.status == 200;
  }

  const jose::SigningKey key_ = *jose::SigningKey::generate(jose::Algorithm::es256);
  const jose::SigningKey forger_ = *jose::SigningKey::generate(jose::Algorithm::es256);
  std::vector<policy::Edge> edges_;
};

TEST_P(Matrix, TheWireDecidesAsThePureFunction) {
  Node& caller = node(GetParam().caller, std::string(GetParam().caller) + "-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [](ServerExchange& exchange) -> net::Task<> {
    if (!is_grpc()) co_return co_await reply_text(exchange, 200, "paid");
    co_await exchange.send_head({.status = 200, .fields = {{"content-type", "application/grpc"}}}, false);
    static_cast<void>(co_await exchange.send_trailers({{"grpc-status", "0"}}));
  });
  const auto methods = is_grpc() ? std::span<const char* const>(kGrpcMethods) : std::span<const char* const>(kMethods);
  const auto paths = is_grpc() ? std::span<const char* const>(kGrpcPaths) : std::span<const char* const>(kPaths);
  int cases = 0;
  int allowed = 0;
  loop_.run([&]() -> net::Task<> {
    co_await start(caller, payments, snapshots(caller, payments));
    for (const UpstreamProtocol protocol : {UpstreamProtocol::http1, UpstreamProtocol::http2}) {
      if (is_grpc() && protocol == UpstreamProtocol::http1) continue;
      Client client(loop_, caller.door(), protocol);
      for (const For whom : kUsers) {
        const EndUserPtr user = this->user(whom);
        for (const char* method : methods) {
          for (const char* path : paths) {
            http::Request request = request_of_case(method, path);
            const bool expected = whom != For::forged && whom != For::expired && decided(request, user);
            if (user) request.fields.add(kUserField, user->text);
            const auto reply = co_await client.send(request);
            EXPECT_TRUE(reply.has_value()) << method << ' ' << path;
            if (!reply) continue;
            EXPECT_EQ(passed(*reply), expected)
                << method << ' ' << path << " for " << static_cast<int>(whom) << ": " << reply->status << reply->body;
            ++cases;
            allowed += expected ? 1 : 0;
          }
        }
      }
    }
  }());
  EXPECT_EQ(cases, is_grpc() ? 100 : 400);
  const bool declared = std::string_view(GetParam().caller) != "stranger";
  EXPECT_EQ(allowed > 0, declared);
}

INSTANTIATE_TEST_SUITE_P(
    Of, Matrix,
    ::testing::Values(
        Setting{"Declared", "checkout", false, false}, Setting{"DeclaredAudited", "checkout", true, false},
        Setting{"FaultyDeclared", "checkout", false, true}, Setting{"FaultyDeclaredAudited", "checkout", true, true},
        Setting{"Open", "search", false, false}, Setting{"OpenAudited", "search", true, false},
        Setting{"FaultyOpen", "search", false, true}, Setting{"FaultyOpenAudited", "search", true, true},
        Setting{"FaultyStranger", "stranger", false, true}, Setting{"FaultyStrangerAudited", "stranger", true, true},
        Setting{"DeclaredDenied", "checkout", false, false, true},
        Setting{"DeclaredDeniedAudited", "checkout", true, false, true},
        Setting{"FaultyDeclaredDenied", "checkout", false, true, true},
        Setting{"OpenDenied", "search", false, false, true}, Setting{"OpenDeniedAudited", "search", true, false, true},
        Setting{"FaultyOpenDenied", "search", false, true, true},
        Setting{"FaultyOpenDeniedAudited", "search", true, true, true},
        Setting{"FaultyStrangerDenied", "stranger", false, true, true},
        Setting{"DeclaredLearning", "checkout", false, false, false, Learned::lines},
        Setting{"FaultyDeclaredLearning", "checkout", false, true, false, Learned::lines},
        Setting{"DeclaredDeniedLearning", "checkout", false, false, true, Learned::lines},
        Setting{"Learned", "checkout", false, false, false, Learned::whole},
        Setting{"FaultyLearned", "checkout", false, true, false, Learned::whole},
        Setting{"LearnedDenied", "checkout", false, false, true, Learned::whole},
        Setting{"FaultyLearnedDenied", "checkout", false, true, true, Learned::whole},
        Setting{"FaultyStrangerLearning", "stranger", false, true, false, Learned::whole},
        Setting{"DeclaredSealed", "checkout", false, false, true, Learned::nothing, true},
        Setting{"FaultyDeclaredSealed", "checkout", false, true, true, Learned::nothing, true},
        Setting{"FaultyStrangerSealed", "stranger", false, true, false, Learned::whole, true},
        Setting{"Grpc", "checkout", false, false, false, Learned::nothing, false, Protocol::grpc},
        Setting{"GrpcAudited", "checkout", true, false, false, Learned::nothing, false, Protocol::grpc},
        Setting{"FaultyGrpc", "checkout", false, true, false, Learned::nothing, false, Protocol::grpc},
        Setting{"GrpcOpen", "search", false, false, false, Learned::nothing, false, Protocol::grpc},
        Setting{"FaultyGrpcStranger", "stranger", false, true, false, Learned::nothing, false, Protocol::grpc},
        Setting{"GrpcDenied", "checkout", false, false, true, Learned::nothing, false, Protocol::grpc},
        Setting{"FaultyGrpcDenied", "checkout", false, true, true, Learned::nothing, true, Protocol::grpc},
        Setting{"GrpcLearned", "checkout", false, false, false, Learned::whole, false, Protocol::grpc}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace bulkhead::proxy::testing
