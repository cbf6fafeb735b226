#include "identity/authority.hpp"

#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/fd.hpp"
#include "identity/certificate.hpp"
#include "identity/peer.hpp"
#include "net/gate.hpp"
#include "net/stream.hpp"

namespace bulkhead::identity {
namespace {

using namespace std::chrono_literals;

class AuthorityTest : public testing::Test {
 protected:
  AuthorityTest() {
    std::string pattern = "/tmp/bulkhead-identity-XXXXXX";
    directory_ = std::string(::mkdtemp(pattern.data())) + "/ca";
  }
  ~AuthorityTest() override { std::filesystem::remove_all(std::filesystem::path(directory_).parent_path()); }

  Result<Authority> open(std::string_view trust_domain = "test.example") {
    return Authority::open_or_create(directory_, trust_domain, [this] { return now_; });
  }
  std::string file(const std::string& name) const { return *read_file(directory_ + "/" + name); }
  static std::string request(const SpiffeId& id, const net::PrivateKey& key) {
    return *make_certificate_request(key, id);
  }

  WallTime now_ = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::string directory_;
  SpiffeId cart_ = *SpiffeId::make("test.example", "shop", "cart");
  net::PrivateKey key_ = *generate_key();
};

bool chain_verifies(const std::string& bundle, const std::string& chain, WallTime now) {
  const auto anchors = *net::certificates_from_pem(bundle);
  auto certificates = *net::certificates_from_pem(chain);
  const net::OpensslPtr<X509_STORE> store(X509_STORE_new());
  for (const auto& anchor : anchors) X509_STORE_add_cert(store.get(), anchor.get());
  const net::OpensslPtr<STACK_OF(X509)> untrusted(sk_X509_new_null());
  for (std::size_t i = 1; i < certificates.size(); ++i) sk_X509_push(untrusted.get(), certificates[i].release());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store.get(), certificates.front().get(), untrusted.get());
  X509_STORE_CTX_set_time(context, 0, std::chrono::system_clock::to_time_t(now));
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context), X509_V_FLAG_X509_STRICT);
  const bool verified = X509_verify_cert(context) == 1;
  if (!verified) ADD_FAILURE() << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  X509_STORE_CTX_free(context);
  return verified;
}

TEST_F(AuthorityTest, ASignedSvidFollowsTheStandardAndVerifies) {
  auto authority = open();
  ASSERT_TRUE(authority) << authority.error().message;
  const auto svid = authority->sign(request(cart_, key_), cart_, 1h);
  ASSERT_TRUE(svid) << svid.error().message;
  EXPECT_EQ(svid->id, cart_);
  EXPECT_EQ(svid->not_after, now_ + 1h);
  EXPECT_EQ(svid->not_before, now_ - 1min);
  EXPECT_EQ(svid->serial.size(), 32U);
  const auto chain = net::certificates_from_pem(svid->chain_pem);
  ASSERT_EQ(chain->size(), 2U);
  X509& leaf = *chain->front();
  EXPECT_EQ(*verify_svid(leaf, now_), cart_);
  EXPECT_EQ(X509_get_key_usage(&leaf), static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_get_extended_key_usage(&leaf), static_cast<std::uint32_t>(XKU_SSL_SERVER | XKU_SSL_CLIENT));
  EXPECT_EQ(X509_check_private_key(&leaf, key_.get()), 1);
  EXPECT_TRUE(chain_verifies(authority->bundle_pem(), svid->chain_pem, now_));
}

TEST_F(AuthorityTest, SerialsAreNeverTheSame) {
  auto authority = open();
  std::set<std::string> serials;
  for (int i = 0; i < 50; ++i) serials.insert(authority->sign(request(cart_, key_), cart_, 1h)->serial);
  EXPECT_EQ(serials.size(), 50U);
}

TEST_F(AuthorityTest, SigningCertificatesNeverAuthenticate) {
  auto authority = open();
  for (const auto* name : {"root.pem", "intermediate.pem"}) {
    const auto certificates = net::certificates_from_pem(file(name));
    EXPECT_FALSE(verify_svid(*certificates->front(), now_)) << name;
  }
}

TEST_F(AuthorityTest, ItsFilesAreItsOwnersAloneAndSurviveARestart) {
  const std::string bundle = open()->bundle_pem();
  for (const auto* name : {"root.pem", "root.key", "intermediate.pem", "intermediate.key"}) {
    struct stat info{};
    ASSERT_EQ(::stat((directory_ + "/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
  const std::string intermediate = file("intermediate.pem");
  auto again = open();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->bundle_pem(), bundle);
  EXPECT_EQ(file("intermediate.pem"), intermediate);
  const auto svid = again->sign(request(cart_, key_), cart_, 1h);
  EXPECT_TRUE(chain_verifies(bundle, svid->chain_pem, now_));
}

TEST_F(AuthorityTest, FilesThatOthersCanReadAreRefusedWithTheRemedy) {
  ASSERT_TRUE(open());
  for (const auto* name : {"root.key", "root.pem", "intermediate.key"}) {
    const std::string path = directory_ + "/" + name;
    ::chmod(path.c_str(), 0640);
    const auto authority = open();
    ASSERT_FALSE(authority) << name;
    EXPECT_EQ(authority.error().cause, Cause::denied);
    EXPECT_NE(authority.error().message.find("chmod 600 " + path), std::string::npos) << authority.error().message;
    ::chmod(path.c_str(), 0600);
  }
  ::chmod(directory_.c_str(), 0777);
  EXPECT_FALSE(open());
  ::chmod(directory_.c_str(), 0700);
  EXPECT_TRUE(open());
}

TEST_F(AuthorityTest, AnotherTrustDomainsDirectoryIsRefused) {
  ASSERT_TRUE(open());
  const auto other = open("other.example");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().cause, Cause::conflict);
  EXPECT_FALSE(open("Not.Valid"));
}

TEST_F(AuthorityTest, ALostOrForeignKeyIsNamed) {
  ASSERT_TRUE(open());
  const std::string key = file("root.key");
  std::filesystem::remove(directory_ + "/root.key");
  EXPECT_FALSE(open());
  ASSERT_TRUE(write_file_atomically(directory_ + "/root.key", *private_key_pem(*generate_key())));
  const auto foreign = open();
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("root.key"), std::string::npos);
  ASSERT_TRUE(write_file_atomically(directory_ + "/root.key", key));
  EXPECT_TRUE(open());
}

TEST_F(AuthorityTest, AnIntermediateThatWasHalfWrittenIsMadeAnew) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write_file_atomically(directory_ + "/intermediate.key", *private_key_pem(*generate_key())));
  auto authority = open();
  ASSERT_TRUE(authority) << authority.error().message;
  const auto svid = authority->sign(request(cart_, key_), cart_, 1h);
  EXPECT_TRUE(chain_verifies(authority->bundle_pem(), svid->chain_pem, now_));
}

TEST_F(AuthorityTest, TheIntermediateIsReplacedInTimeAndTheOldOnesSvidsStillVerify) {
  auto authority = open();
  const std::string bundle = authority->bundle_pem();
  const std::string first = file("intermediate.pem");
  now_ += std::chrono::hours(24 * 240);
  const auto old_svid = authority->sign(request(cart_, key_), cart_, 24h);
  EXPECT_EQ(file("intermediate.pem"), first);
  now_ += std::chrono::hours(24 * 5);
  const auto new_svid = authority->sign(request(cart_, key_), cart_, 24h);
  EXPECT_NE(file("intermediate.pem"), first);
  EXPECT_EQ(authority->bundle_pem(), bundle);
  EXPECT_TRUE(chain_verifies(bundle, new_svid->chain_pem, now_));
  EXPECT_TRUE(chain_verifies(bundle, old_svid->chain_pem, old_svid->not_after - 1s));
}

TEST_F(AuthorityTest, NothingIsSignedOutsideTheRootsLife) {
  auto authority = open();
  const WallTime start = now_;
  now_ = start - std::chrono::hours(48);
  EXPECT_FALSE(authority->sign(request(cart_, key_), cart_, 1h));
  EXPECT_FALSE(open());
  now_ = start + std::chrono::hours(24 * 3651);
  EXPECT_FALSE(authority->sign(request(cart_, key_), cart_, 1h));
  now_ = start + std::chrono::hours(24 * 3649);
  const auto last = authority->sign(request(cart_, key_), cart_, std::chrono::hours(24 * 30));
  ASSERT_TRUE(last);
  EXPECT_LE(last->not_after, start + std::chrono::hours(24 * 3650));
}

TEST_F(AuthorityTest, OnlyWhatWasDecidedIsSigned) {
  auto authority = open();
  const auto payments = *SpiffeId::make("test.example", "shop", "payments");
  const auto other = authority->sign(request(payments, key_), cart_, 1h);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().cause, Cause::denied);
  const auto foreign = *SpiffeId::make("other.example", "shop", "cart");
  EXPECT_FALSE(authority->sign(request(foreign, key_), foreign, 1h));
  const auto domain = *SpiffeId::parse("spiffe://test.example");
  EXPECT_FALSE(authority->sign(request(domain, key_), domain, 1h));
  EXPECT_FALSE(authority->sign(request(cart_, key_), SpiffeId(), 1h));
  EXPECT_FALSE(authority->sign(request(cart_, key_), cart_, 0s));
  EXPECT_FALSE(authority->sign("nonsense", cart_, 1h));
}

TEST_F(AuthorityTest, TwoWorkloadsSpeakOverMutualTls) {
  auto authority = open();
  const auto workload = [&](std::string_view service) {
    const auto id = *SpiffeId::make("test.example", "shop", service);
    const auto key = *generate_key();
    const auto svid = authority->sign(request(id, key), id, 1h);
    return WorkloadIdentity{id, {svid->chain_pem, key}, authority->bundle_pem()};
  };
  const WallClock clock = [this] { return now_; };
  const auto client = *net::TlsContext::make(mesh_tls(net::TlsRole::client, workload("cart"), {"h2"}, clock));
  const auto server = *net::TlsContext::make(mesh_tls(net::TlsRole::server, workload("payments"), {"h2"}, clock));
  net::Loop loop;
  for (const auto* expected : {"payments", "catalog"}) {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    auto near = *net::Stream::adopt(loop, Fd(fds[0]));
    auto far = *net::Stream::adopt(loop, Fd(fds[1]));
    Result<> accepted;
    const auto serve = [&]() -> net::Task<> { accepted = co_await far.handshake(server, {}, loop.in(20s)); };
    const auto test = [&]() -> net::Task<> {
      net::Gate gate(loop);
      gate.spawn(serve());
      net::HandshakeOptions options;
      options.expect = expect_peer(*SpiffeId::make("test.example", "shop", expected));
      const auto connected = co_await near.handshake(client, options, loop.in(20s));
      if (!connected) near.close();
      co_await gate.close();
      EXPECT_EQ(connected.has_value(), std::string_view(expected) == "payments");
      if (connected) {
        EXPECT_EQ(peer_identity(near.peer()).service(), "payments");
        EXPECT_EQ(peer_identity(far.peer()).service(), "cart");
      } else {
        EXPECT_NE(connected.error().message.find("expected spiffe://test.example/shop/catalog"), std::string::npos);
        EXPECT_NE(connected.error().message.find("found spiffe://test.example/shop/payments"), std::string::npos);
      }
    };
    loop.run(test());
  }
}

}  // namespace
}  // namespace bulkhead::identity
