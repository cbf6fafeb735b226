#include "control/documents.hpp"

#include <gtest/gtest.h>

#include "control/desired.hpp"
#include "jose/signing_key.hpp"

namespace bulkhead::control {
namespace {

constexpr const char* kManifest = R"(app: shop
auth:
  customers: {issuer: https://id.example, audience: shop, jwks: id/jwks.json}
services:
  catalog:
    command: [./catalog]
    port: 8080
    contract: openapi.yaml
)";

constexpr const char* kContract = R"(openapi: 3.1.0
info: {title: catalog, version: "1"}
paths:
  /items:
    get: {responses: {"200": {description: all}}}
)";

class DocumentsTest : public ::testing::Test {
 protected:
  DocumentsTest() {
    desired_.file = "bulkhead.yaml";
    desired_.text = kManifest;
    desired_.documents = {{"id/jwks.json", jose::SigningKey::generate()->public_jwk()}, {"openapi.yaml", kContract}};
  }

  std::string mistakes() const {
    const auto loaded = load(desired_);
    return loaded ? "" : manifest::render(loaded.error().mistakes);
  }

  Desired desired_;
};

TEST_F(DocumentsTest, AreTakenInByTheirPaths) {
  const auto loaded = load(desired_);
  ASSERT_TRUE(loaded) << mistakes();
  EXPECT_EQ(documents_of(loaded->application), (std::vector<std::string>{"id/jwks.json", "openapi.yaml"}));
  EXPECT_EQ(loaded->application.auth[0].keys, desired_.documents["id/jwks.json"]);
  EXPECT_EQ(loaded->application.services[0].contract->text, kContract);
}

TEST_F(DocumentsTest, AreKeptWithWhatIsDesired) {
  const auto again = desired_from_json(to_json(desired_));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->documents, desired_.documents);
}

TEST_F(DocumentsTest, ConditionsAskForWhatTheCalleesContractPointsOut) {
  const auto with = [&](const std::string& condition, const std::string& contract) {
    desired_.text =
        std::string(kManifest).replace(std::string(kManifest).find("    contract: openapi.yaml\n"), 27, contract) +
        "  web: {command: [./web], calls: {catalog: {when: '" + condition + "'}}}\n";
    return mistakes();
  };
  desired_.documents["openapi.yaml"] = R"(openapi: 3.1.0
info: {title: catalog, version: "1"}
paths:
  /items/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      x-bulkhead-resource: {item: {in: path, name: id}}
      responses: {"200": {description: one}}
)";
  const std::string contract = "    contract: openapi.yaml\n";
  EXPECT_EQ(with("resource.item != \"7\"", contract), "");
  const std::string misspelled = with("resource.itm != \"7\"", contract);
  EXPECT_NE(misspelled.find("bulkhead.yaml:9:"), std::string::npos) << misspelled;
  EXPECT_NE(misspelled.find(
                "the condition asks for resource.itm, and the contract of 'catalog' points out none of that name"),
            std::string::npos)
      << misspelled;
  EXPECT_NE(misspelled.find("allowed: item"), std::string::npos) << misspelled;
  const std::string none = with("resource.item != \"7\"", "");
  EXPECT_NE(none.find("the condition asks what a request is about, and 'catalog' has no contract that points it out"),
            std::string::npos)
      << none;
}

TEST_F(DocumentsTest, ThatAreNotThereAreMistakesOfTheManifest) {
  desired_.documents.clear();
  EXPECT_EQ(mistakes(),
            "bulkhead.yaml:3:3: error: the key set of 'customers' 'id/jwks.json' does not exist or can not be read\n"
            "    3 |   customers: {issuer: https://id.example, audience: shop, jwks: id/jwks.json}\n"
            "      |   ^\n"
            "  help: a readable file of at most 1024 KiB\n"
            "bulkhead.yaml:8:5: error: the contract of 'catalog' 'openapi.yaml' does not exist or can not be read\n"
            "    8 |     contract: openapi.yaml\n"
            "      |     ^\n"
            "  help: a readable file of at most 1024 KiB\n");
}

TEST_F(DocumentsTest, AreTheCertificatesOfThoseWhoSignClients) {
  desired_.text =
      "app: shop\nauth: {devices: {client_certificates: {ca: pki/ca.pem, subject: dns}}}\n"
      "services: {web: {command: [./web], port: 8080}}\n";
  desired_.documents = {{"pki/ca.pem", "no certificate"}};
  EXPECT_NE(mistakes().find("2:8: error: the certificates of 'devices' can not be used: pki/ca.pem: "),
            std::string::npos)
      << mistakes();
  desired_.documents.clear();
  EXPECT_NE(mistakes().find("the certificates of 'devices' 'pki/ca.pem' does not exist or can not be read"),
            std::string::npos)
      << mistakes();
}

TEST_F(DocumentsTest, ThatCanNotBeReadAreMistakesWithTheirPlace) {
  desired_.documents = {{"id/jwks.json", "{}"},
                        {"openapi.yaml", "openapi: 3.1.0\ninfo: {title: c, version: \"1\"}\npaths: 7\n"}};
  const std::string found = mistakes();
  EXPECT_NE(found.find("the keys of 'customers' can not be used: id/jwks.json: "), std::string::npos) << found;
  EXPECT_NE(found.find("the contract of 'catalog' can not be held: openapi.yaml:3:"), std::string::npos) << found;
}

}  // namespace
}  // namespace bulkhead::control
