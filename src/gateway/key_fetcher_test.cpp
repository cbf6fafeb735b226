#include "gateway/key_fetcher.hpp"

#include <gtest/gtest.h>

#include "jose/signing_key.hpp"
#include "proxy/mesh_harness.hpp"

namespace bulkhead::gateway {
namespace {

using namespace proxy;           // NOLINT(google-build-using-namespace)
using namespace proxy::testing;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kHost = "id.example";

class KeyFetcherTest : public MeshFixture {
 protected:
  KeyFetcherTest()
      : core_(loop_, *identity::SpiffeId::make(kTrustDomain, kApp, policy::kGateway), "_gateway-1", nullptr) {
    provider_.name = "customers";
    provider_.rsa_algorithm = "RS256";
  }

  // The provider's server: answers GET of a path with what stands there, else 404.
  void serve(std::shared_ptr<net::TlsContext> tls = {}) {
    server_ = std::make_unique<FakeService>(
        loop_,
        [this](ServerExchange& exchange) -> net::Task<> {
          ++asked_;
          const std::string target = exchange.request().target;
          const auto found = pages_.find(target);
          if (target == "/moved") {
            http::Response moved;
            moved.status = 302;
            moved.fields.add("location", "/keys");
            moved.content_length = 0;
            co_await exchange.send_head(std::move(moved), true);
          } else if (found == pages_.end()) {
            co_await reply_text(exchange, 404, "");
          } else {
            co_await reply_text(exchange, 200, found->second);
          }
        },
        std::move(tls));
  }

  std::string at(std::string_view scheme, std::string_view host, std::string_view path) const {
    return fmt::format("{}://{}:{}{}", scheme, host, server_->address().port(), path);
  }

  Egress declared(Scheme scheme, std::string_view host) const {
    Egress egress;
    egress.name = "customers";
    egress.scheme = scheme;
    egress.host = host;
    egress.port = server_->address().port();
    egress.allow_private = true;
    return egress;
  }

  // Runs a fetcher until its first fetch has ended, and then `more`.
  void fetch(const Egress& egress, std::string anchors, const std::function<net::Task<>(KeyFetcher&)>& more = {}) {
    OutsideOptions options;
    options.lookup = [](const std::string&) -> Result<std::vector<net::Address>> {
      return std::vector{net::Address::loopback(0)};
    };
    options.trust_anchors_pem = std::move(anchors);
    Outside outside(core_.loop, std::move(options));
    provider_.hosts = {fmt::format("{}:{}", egress.host, egress.port)};
    net::Gate gate(loop_);
    const auto fetcher = std::make_shared<KeyFetcher>(core_, outside, provider_, std::vector{egress},
                                                      [this](std::optional<jose::KeySet> keys) {
                                                        if (keys) ++taken_;
                                                        keys_ = std::move(keys);
                                                      });
    loop_.run([&]() -> net::Task<> {
      gate.spawn(fetcher->run(fetcher));
      static_cast<void>(co_await fetcher->refresh(loop_.in(std::chrono::seconds(10))));
      if (more) co_await more(*fetcher);
      fetcher->stop();
      co_await gate.close();
      co_await outside.close();
    }());
  }

  std::string key_ids() const {
    std::string ids;
    if (keys_)
      for (const jose::Key& key : keys_->keys()) ids += key.id();
    return ids;
  }

  Core core_;
  Provider provider_;
  std::unique_ptr<FakeService> server_;
  std::map<std::string, std::string, std::less<>> pages_;
  const jose::SigningKey key_ = *jose::SigningKey::generate();
  std::optional<jose::KeySet> keys_;
  int taken_ = 0;
  int asked_ = 0;
};

TEST_F(KeyFetcherTest, TakesTheKeysAtAUrl) {
  serve();
  pages_["/keys?of=shop"] = key_.public_jwk();
  provider_.jwks_url = at("http", "127.0.0.1", "/keys?of=shop");
  fetch(declared(Scheme::http, "127.0.0.1"), "");
  EXPECT_EQ(key_ids(), key_.id());
}

TEST_F(KeyFetcherTest, FindsTheKeysThatTheIssuerNames) {
  const NamedCertificate certificate = certificate_for(std::string(kHost));
  net::TlsConfig config;
  config.peer = net::PeerCheck::none;
  config.credentials = {{certificate.pem, certificate.key}};
  config.alpn = {"http/1.1"};
  serve(*net::TlsContext::make(std::move(config)));
  provider_.issuer = at("https", kHost, "/shop");
  pages_["/shop/.well-known/openid-configuration"] =
      fmt::format(R"({{"issuer": "{}", "jwks_uri": "{}"}})", provider_.issuer, at("https", kHost, "/keys"));
  pages_["/keys"] = key_.public_jwk();
  fetch(declared(Scheme::https, kHost), certificate.pem);
  EXPECT_EQ(key_ids(), key_.id());
}

TEST_F(KeyFetcherTest, SpeaksToNoHostThatIsNotDeclared) {
  serve();
  pages_["/keys"] = key_.public_jwk();
  for (const std::string& url : {at("http", "localhost", "/keys"), at("https", "127.0.0.1", "/keys"),
                                 std::string("http://127.0.0.1/keys"), std::string("file:///etc/passwd")}) {
    provider_.jwks_url = url;
    fetch(declared(Scheme::http, "127.0.0.1"), "");
    EXPECT_EQ(taken_, 0) << url;
  }
  EXPECT_EQ(asked_, 0);
}

TEST_F(KeyFetcherTest, TakesNothingElse) {
  serve();
  pages_["/empty"] = "{}";
  pages_["/keys"] = key_.public_jwk();
  pages_["/large"] = std::string(300U << 10U, ' ') + key_.public_jwk();
  for (const char* path : {"/empty", "/moved", "/nothing", "/large"}) {
    provider_.jwks_url = at("http", "127.0.0.1", path);
    fetch(declared(Scheme::http, "127.0.0.1"), "");
    EXPECT_EQ(taken_, 0) << path;
  }
  EXPECT_EQ(asked_, 4) << "a redirect is not followed";
}

TEST_F(KeyFetcherTest, FetchesAgainForAKeyThatIsNotThereButNotForEach) {
  serve();
  pages_["/keys"] = key_.public_jwk();
  provider_.jwks_url = at("http", "127.0.0.1", "/keys");
  const jose::SigningKey next = *jose::SigningKey::generate();
  fetch(declared(Scheme::http, "127.0.0.1"), "", [&](KeyFetcher& fetcher) -> net::Task<> {
    pages_["/keys"] = next.public_jwk();
    EXPECT_TRUE(co_await fetcher.refresh(loop_.in(std::chrono::seconds(10))));
    EXPECT_EQ(key_ids(), next.id());
    EXPECT_FALSE(co_await fetcher.refresh(loop_.in(std::chrono::seconds(10)))) << "within the pause";
  });
  EXPECT_EQ(taken_, 2);
}

}  // namespace
}  // namespace bulkhead::gateway
