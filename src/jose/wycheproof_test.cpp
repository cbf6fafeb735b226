// Wycheproof's vectors for JSON Web Signature and Key. tests/suites/wycheproof_test.py fetches them and says where they
// are; without them this is skipped.

#include <cstdlib>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "jose/jws.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

// Valid in the vectors, refused here. The key of RFC 7520's figure 20 says PS256 in them, its token PS384; that of
// figure 27 says ES521, which is no algorithm. (rfc_test.cpp verifies both figures with keys of the right alg.)
const std::set<int> kKeySaysOtherwise{346, 347, 350, 351};

json vectors(const std::string& name) {
  const char* folder = std::getenv("BULKHEAD_WYCHEPROOF");
  if (folder == nullptr) return json();
  std::ifstream file(fmt::format("{}/{}_test.json", folder, name));
  return json::parse(file);
}

struct Counts {
  int verified = 0, refused = 0, not_ours = 0;
};

void run(const json& test, const Result<KeySet>& keys, const std::set<int>& otherwise, Counts& counts) {
  const bool verified = keys && open_jws(test["jws"].get<std::string>(), *keys);
  const bool valid = test["result"] == "valid" && !otherwise.contains(test["tcId"].get<int>());
  EXPECT_EQ(verified, valid) << test["tcId"] << " " << test["comment"];
  ++(verified ? counts.verified : counts.refused);
}

// Groups without a public key are of HMAC, which is not ours: their secrets must be refused as key sets. So must be the
// private half of the others.
Counts run_all(const json& all, const std::set<int>& otherwise = {}) {
  Counts counts;
  for (const json& group : all["testGroups"]) {
    if (group.contains("private")) {
      const auto secret = KeySet::parse(group["private"].dump());
      EXPECT_FALSE(secret) << group["comment"];
      if (!secret) EXPECT_EQ(secret.error().cause, Cause::denied) << secret.error().message;
    }
    const bool ours = group.contains("public");
    const auto keys = ours ? KeySet::parse(group["public"].dump()) : fail(Cause::unsupported, "not ours");
    for (const json& test : group["tests"]) {
      if (ours && test.contains("jws")) {
        run(test, keys, otherwise, counts);
      } else {
        ++counts.not_ours;
      }
    }
  }
  return counts;
}

TEST(Wycheproof, Signatures) {
  const json all = vectors("json_web_signature");
  if (all.is_null()) GTEST_SKIP() << "BULKHEAD_WYCHEPROOF is not set";
  const Counts counts = run_all(all, kKeySaysOtherwise);
  EXPECT_EQ(counts.verified, 32);
  EXPECT_EQ(counts.refused, 329);
  EXPECT_EQ(counts.not_ours, 40);  // HMAC
}

TEST(Wycheproof, Keys) {
  const json all = vectors("json_web_key");
  if (all.is_null()) GTEST_SKIP() << "BULKHEAD_WYCHEPROOF is not set";
  const Counts counts = run_all(all);
  EXPECT_EQ(counts.verified, 1);
  EXPECT_EQ(counts.refused, 10);
  EXPECT_EQ(counts.not_ours, 15);  // HMAC
}

TEST(Wycheproof, Crypto) {
  const json all = vectors("json_web_crypto");
  if (all.is_null()) GTEST_SKIP() << "BULKHEAD_WYCHEPROOF is not set";
  const Counts counts = run_all(all);
  EXPECT_EQ(counts.verified, 2);
  EXPECT_EQ(counts.refused, 27);
  EXPECT_EQ(counts.not_ours, 54);  // HMAC, and JSON Web Encryption
}

}  // namespace
}  // namespace bulkhead::jose
