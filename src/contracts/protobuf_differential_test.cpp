// The same messages read by libprotobuf: what is taken here it takes, and it finds nothing in them that is not
// declared.

#include <random>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include "contracts/protobuf.hpp"
#include "contracts/protobuf_fixture.hpp"

namespace bulkhead::contracts {
namespace {

namespace pb = google::protobuf;

// It says what it dislikes on the error output.
const pb::LogSilencer kQuiet;

class Peer {
 public:
  explicit Peer(const std::string& message) {
    pb::FileDescriptorSet set;
    if (!set.ParseFromString(descriptors_of_tests())) throw std::runtime_error("no set");
    for (const pb::FileDescriptorProto& file : set.file())
      if (pool_.BuildFile(file) == nullptr) throw std::runtime_error(file.name());
    prototype_ = factory_.GetPrototype(pool_.FindMessageTypeByName(message));
  }
  std::unique_ptr<pb::Message> parse(const std::string& bytes) const {
    std::unique_ptr<pb::Message> message(prototype_->New());
    return message->ParsePartialFromString(bytes) ? std::move(message) : nullptr;
  }

 private:
  pb::DescriptorPool pool_;
  pb::DynamicMessageFactory factory_{&pool_};
  const pb::Message* prototype_ = nullptr;
};

// Fields of any number and kind; what is nested is of the same.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string message(int depth) {
    std::string out;
    for (std::size_t fields = below(5); fields > 0; --fields) out += field(depth);
    return out;
  }
  // Of shop.Older.
  std::string older(int depth) {
    std::string out = below(4) != 0 ? text_field(1, text()) : "";
    if (below(3) == 0) out += number_field(2, number());
    if (below(3) == 0) out += text_field(100, text());
    if (below(6) == 0) out += text_field(static_cast<std::uint32_t>(98 + below(5)), "x");
    if (depth == 0 || below(2) == 0) return out;
    const std::string year = below(4) != 0 ? number_field(1, number()) : "";
    return out + group_field(3, year + (below(2) == 0 ? text_field(2, older(depth - 1)) : "") +
                                    (below(5) == 0 ? group_field(9, number_field(1, 1)) : ""));
  }
  std::string mutated(std::string message) {
    for (std::size_t times = below(3); times > 0 && !message.empty(); --times) {
      const std::size_t at = below(message.size());
      if (below(2) == 0)
        message[at] = static_cast<char>(below(256));
      else if (below(2) == 0)
        message.erase(at, 1);
      else
        message.insert(at, 1, static_cast<char>(below(256)));
    }
    return message;
  }
  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }

 private:
  std::uint64_t number() {
    constexpr std::uint64_t kSome[] = {0, 1, 2, 127, 128, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32U, ~0ULL};
    return kSome[below(std::size(kSome))];
  }
  std::string text() {
    constexpr std::string_view kSome[] = {
        "", "a", "\xc3\xa9", "\xff", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xf4\x90\x80\x80"};
    return std::string(kSome[below(std::size(kSome))]);
  }
  std::string field(int depth) {
    const auto any = static_cast<std::uint32_t>(1 + below(29));
    switch (below(8)) {
      case 0: return number_field(any, number());
      case 1: return text_field(any, text());
      case 2: return fixed_field(any, number(), below(2) == 0 ? 4 : 8);
      case 3: return depth > 0 ? text_field(below(2) == 0 ? 17 : 19, message(depth - 1)) : "";
      case 4: return text_field(20, number_field(1, number()) + text_field(2, text()));
      case 5: return depth > 0 ? text_field(21, text_field(1, text()) + text_field(2, message(depth - 1))) : "";
      case 6: return text_field(18, varint(number()) + varint(number()));
      default: return below(4) == 0 ? group_field(any, message(0)) : number_field(3, number());
    }
  }
  std::mt19937_64 random_;
};

bool has_unknown(const pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated() && has_unknown(reflection.GetMessage(message, field))) return true;
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i)
      if (has_unknown(reflection.GetRepeatedMessage(message, field, i))) return true;
  }
  return false;
}

// DiscardUnknownFields() leaves what is in the values of maps.
void discard_unknown(pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  reflection.MutableUnknownFields(&message)->Clear();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) discard_unknown(*reflection.MutableMessage(&message, field));
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i)
      discard_unknown(*reflection.MutableRepeatedMessage(&message, field, i));
  }
}

class Differential : public ::testing::TestWithParam<bool> {
 protected:
  std::string next(Generator& generator) const {
    return generator.mutated(older_ ? generator.older(4) : generator.message(4));
  }

  const bool older_ = GetParam();  // proto2, with groups, extensions and what is required
  ProtobufContract contract_ = ProtobufContract::read(descriptors_of_tests(), "catalog").value();
  const ProtoMethod& method_ = *contract_.method(older_ ? "/shop.Catalog/Old" : "/shop.Catalog/Try");
  Peer peer_{older_ ? "shop.Older" : "shop.Everything"};
  MessageChecker checker_;
};
INSTANTIATE_TEST_SUITE_P(Of, Differential, ::testing::Bool());

TEST_P(Differential, WhatIsTakenLibprotobufTakesWhole) {
  Generator generator(1);
  int taken = 0;
  int refused = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::string bytes = next(generator);
    if (contract_.check_request(method_, bytes, checker_)) {
      ++refused;
      continue;
    }
    ++taken;
    const auto theirs = peer_.parse(bytes);
    ASSERT_NE(theirs, nullptr) << testing::PrintToString(bytes);
    ASSERT_TRUE(theirs->IsInitialized()) << testing::PrintToString(bytes);
    ASSERT_FALSE(has_unknown(*theirs)) << testing::PrintToString(bytes);
    std::string again;
    ASSERT_TRUE(theirs->SerializeToString(&again));
    const auto failure = contract_.check_request(method_, again, checker_);
    ASSERT_FALSE(failure) << to_string(*failure) << testing::PrintToString(again);
  }
  EXPECT_GT(taken, 1'000);
  EXPECT_GT(refused, 3'000);
}

TEST_P(Differential, WhatIsFilteredIsWhatLibprotobufHasWithoutTheUnknown) {
  Generator generator(2);
  int filtered = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string bytes = next(generator);
    std::string left;
    const auto report = contract_.check_response(method_, bytes, checker_, &left);
    if (!report.readable) continue;
    const auto whole = peer_.parse(bytes);
    ASSERT_NE(whole, nullptr) << testing::PrintToString(bytes);
    ASSERT_EQ(report.dropped_count > 0, has_unknown(*whole)) << testing::PrintToString(bytes);
    if (report.dropped_count == 0) continue;
    ++filtered;
    discard_unknown(*whole);
    const auto ours = peer_.parse(left);
    ASSERT_NE(ours, nullptr);
    ASSERT_FALSE(has_unknown(*ours));
    ASSERT_LE(left.size(), bytes.size());
    ASSERT_EQ(ours->DebugString(), whole->DebugString()) << testing::PrintToString(bytes);
  }
  EXPECT_GT(filtered, 1'000);
}

}  // namespace
}  // namespace bulkhead::contracts
