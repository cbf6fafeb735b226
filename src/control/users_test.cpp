#include "control/users.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/fd.hpp"
#include "jose/seal.hpp"
#include "jose/signing_key.hpp"
#include "manifest/parse.hpp"

namespace bulkhead::control {
namespace {

constexpr std::string_view kManifest = R"(app: shop
auth:
  customers: {issuer: https://id.example, audience: shop, claims: [tier], hosts: "keys.example:8443"}
services:
  web: {command: [./web], port: 8080}
)";

class UsersTest : public ::testing::Test {
 protected:
  UsersTest() {
    std::string name = ::testing::TempDir() + "/users-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~UsersTest() override { std::filesystem::remove_all(directory_); }

  Result<Users> users() const { return users_of(application_, directory_ + "/state"); }

  manifest::Application application_ = *manifest::parse(kManifest).application;
  std::string directory_;
};

TEST_F(UsersTest, HaveTheProvidersAndAKeyOfOurs) {
  const auto found = users();
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->providers.size(), 1U);
  EXPECT_EQ(found->providers[0].hosts, (std::vector<std::string>{"id.example:443", "keys.example:8443"}));
  const auto key = jose::SigningKey::from_pem(found->signing_key_pem);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_jwk(), found->keys);
  struct stat file{};
  ASSERT_EQ(::stat((directory_ + "/state/key.pem").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);
}

TEST_F(UsersTest, KeepTheirSigningKeyAndSeals) {
  EXPECT_EQ(users()->keys, users()->keys);
  EXPECT_EQ(users()->seals, users()->seals);
}

TEST_F(UsersTest, SealForEachServiceWithAKeyOfItsOwn) {
  manifest::Service service = application_.services.front();
  const auto few = users();
  ASSERT_TRUE(few);
  ASSERT_EQ(few->seals.size(), 1U);
  EXPECT_TRUE(jose::SealKey::from_text(few->seals.at("web")));
  struct stat file{};
  ASSERT_EQ(::stat((directory_ + "/state/seals.secret").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);
  service.name = "orders";
  application_.services.push_back(service);
  const auto two = users();
  ASSERT_EQ(two->seals.size(), 2U);
  EXPECT_EQ(two->seals.at("web"), few->seals.at("web"));
  EXPECT_NE(two->seals.at("web"), two->seals.at("orders"));
}

TEST_F(UsersTest, ASecretThatIsNoneIsRefusedByItsPath) {
  ASSERT_TRUE(users());
  ASSERT_TRUE(write_file_atomically(directory_ + "/state/seals.secret", "no secret", 0600));
  const auto refused = users();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("seals.secret"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("no secret"), std::string::npos);
}

TEST_F(UsersTest, AreNoneWithoutProviders) {
  application_.auth.clear();
  const auto found = users();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->keys, "");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/state"));
}

}  // namespace
}  // namespace bulkhead::control
