#include "proxy/grpc_messages.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

std::string framed(std::string_view message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(message.size() >> static_cast<unsigned>(shift));
  return out += message;
}

// The messages in the parts, then what stopped it.
std::vector<std::string> messages(const std::vector<std::string>& parts) {
  GrpcMessages cutter(300);
  std::vector<std::string> found;
  for (const std::string& part : parts) {
    std::string_view rest = part;
    while (!rest.empty()) {
      switch (cutter.take(rest)) {
        case GrpcMessages::Next::more: break;
        case GrpcMessages::Next::message: found.emplace_back(cutter.message()); break;
        case GrpcMessages::Next::compressed: return found.emplace_back("compressed"), found;
        case GrpcMessages::Next::malformed: return found.emplace_back("malformed"), found;
        case GrpcMessages::Next::too_large: return found.emplace_back("too large"), found;
      }
    }
  }
  if (!cutter.pending().empty()) found.emplace_back("cut short");
  return found;
}

using Found = std::vector<std::string>;

TEST(GrpcMessages, AreCutWhereverThePartsEnd) {
  const std::string big(300, 'x');
  const std::string body = framed("abc") + framed("") + framed(big) + framed("d");
  const Found expected{"abc", "", big, "d"};
  EXPECT_EQ(messages({body}), expected);
  for (std::size_t cut = 1; cut < body.size(); ++cut)
    EXPECT_EQ(messages({body.substr(0, cut), body.substr(cut)}), expected) << cut;
  std::vector<std::string> octets;
  for (const char octet : body) octets.emplace_back(1, octet);
  EXPECT_EQ(messages(octets), expected);
}

TEST(GrpcMessages, SayWhatIsNone) {
  EXPECT_EQ(messages({"\x01" + framed("abc").substr(1)}), Found{"compressed"});
  EXPECT_EQ(messages({framed("a"), "\x02" + framed("abc").substr(1)}), (Found{"a", "malformed"}));
  EXPECT_EQ(messages({framed(std::string(301, 'x'))}), Found{"too large"});
  EXPECT_EQ(messages({framed(std::string(301, 'x')).substr(0, 5)}), Found{"too large"}) << "by its length alone";
  EXPECT_EQ(messages({framed("abc").substr(0, 7)}), Found{"cut short"});
  EXPECT_EQ(messages({framed("a"), std::string(3, '\0')}), (Found{"a", "cut short"}));
  EXPECT_EQ(messages({}), Found{});
}

}  // namespace
}  // namespace bulkhead::proxy
