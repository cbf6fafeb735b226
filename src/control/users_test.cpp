#include "control/users.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

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

TEST_F(UsersTest, KeepTheirSigningKey) { EXPECT_EQ(users()->keys, users()->keys); }

TEST_F(UsersTest, AreNoneWithoutProviders) {
  application_.auth.clear();
  const auto found = users();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->keys, "");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/state"));
}

}  // namespace
}  // namespace bulkhead::control
