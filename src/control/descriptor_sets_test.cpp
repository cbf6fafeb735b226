// Contracts of gRPC as files: descriptor sets, and .proto files by way of protoc, which is installed where tests run.

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "contracts/protobuf.hpp"
#include "control/desired.hpp"
#include "control/documents.hpp"
#include "jose/base64url.hpp"

namespace bulkhead::control {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProto = R"(// A comment that nobody needs.
syntax = "proto3";
import "shop/item.proto";
service Catalog { rpc Get(shop.Item) returns (shop.Item); }
)";
constexpr std::string_view kItem = "syntax = \"proto3\"; package shop; message Item { string name = 1; }\n";

class DescriptorSetsTest : public ::testing::Test {
 protected:
  DescriptorSetsTest() {
    std::string name = (fs::temp_directory_path() / "descriptors.XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    fs::create_directories(directory_ / "protos/shop");
    write("protos/shop/catalog.proto", kProto);
    write("protos/shop/item.proto", kItem);
    write("bulkhead.yaml",
          "app: shop\nservices:\n  catalog: {command: [./catalog], port: 8080, protocol: grpc, contract: "
          "protos/shop/catalog.proto}\n");
  }
  ~DescriptorSetsTest() override { fs::remove_all(directory_); }

  void write(const std::string& name, std::string_view text) const { std::ofstream(directory_ / name) << text; }

  Result<std::string> text_of(const std::string& name) const {
    return read_document((directory_ / name).string(), directory_.string());
  }

  // What `check` says.
  std::string mistakes() const {
    const auto desired = read_desired((directory_ / "bulkhead.yaml").string(), {});
    if (!desired) return desired.error().message;
    const auto loaded = load(*desired);
    return loaded ? "" : manifest::render(loaded.error().mistakes);
  }

  fs::path directory_;
};

TEST_F(DescriptorSetsTest, AProtoFileBecomesOneWithWhatItImports) {
  const auto text = text_of("protos/shop/catalog.proto");
  ASSERT_TRUE(text) << text.error().message;
  const auto contract = contracts::ProtobufContract::read(*jose::decode_base64url(*text), "catalog");
  ASSERT_TRUE(contract) << contract.error().message;
  EXPECT_NE(contract->method("/Catalog/Get"), nullptr);
  EXPECT_EQ(mistakes(), "");
}

TEST_F(DescriptorSetsTest, ASetIsTheSameWithoutWhatItSaysOfItsSource) {
  const std::string command = fmt::format(
      "cd {0} && protoc -Iprotos --include_imports --include_source_info --descriptor_set_out=a.binpb "
      "protos/shop/catalog.proto && protoc -Iprotos --include_imports --descriptor_set_out=b.protoset "
      "protos/shop/catalog.proto",
      directory_.string());
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
  const auto long_one = read_file((directory_ / "a.binpb").string());
  EXPECT_NE(long_one->find("nobody needs"), std::string::npos);
  const auto one = text_of("a.binpb");
  const auto other = text_of("b.protoset");
  ASSERT_TRUE(one && other);
  EXPECT_EQ(*one, *other);
}

TEST_F(DescriptorSetsTest, WhatProtocSaysIsTheMistake) {
  write("protos/shop/item.proto", "syntax = \"proto3\";\nmessage Item { text name = 1; }\n");
  const std::string said = mistakes();
  EXPECT_NE(said.find("the contract of 'catalog' can not be read: "), std::string::npos) << said;
  EXPECT_NE(said.find("item.proto:2:16: \"text\" is not defined."), std::string::npos) << said;
  fs::remove(directory_ / "protos/shop/catalog.proto");
  EXPECT_NE(mistakes().find("does not exist or can not be read"), std::string::npos) << mistakes();
}

TEST_F(DescriptorSetsTest, AreReadAndJudgedByWhoHearsOfThem) {
  Desired desired;
  desired.file = "bulkhead.yaml";
  desired.text =
      "app: shop\nservices:\n  catalog: {command: [./catalog], port: 1, protocol: grpc, contract: a.pb}\n"
      "  web: {command: [./web], port: 2, calls: {catalog: {when: 'resource.name == \"x\"'}}}\n";
  const auto found = [&] {
    const auto loaded = load(desired);
    return loaded ? "" : manifest::render(loaded.error().mistakes);
  };
  desired.documents["a.pb"] = *text_of("protos/shop/catalog.proto");
  EXPECT_NE(found().find("a contract of gRPC points out nothing"), std::string::npos) << found();
  desired.text.resize(desired.text.find("  web:"));
  EXPECT_EQ(found(), "");
  desired.documents["a.pb"] = jose::encode_base64url("no set");
  EXPECT_NE(found().find("the contract of 'catalog' can not be held: a.pb: it is no descriptor set"), std::string::npos)
      << found();
  desired.documents["a.pb"] = "not base64url!";
  EXPECT_NE(found().find("a.pb: its text is no base64url"), std::string::npos) << found();
}

}  // namespace
}  // namespace bulkhead::control
