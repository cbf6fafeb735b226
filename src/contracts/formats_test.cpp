#include "contracts/formats.hpp"

#include <gtest/gtest.h>

namespace bulkhead::contracts {
namespace {

struct Case {
  Format format;
  const char* text;
  bool right;
};

TEST(Formats, AreAsTheirDefinitionsSay) {
  using enum Format;
  const Case cases[] = {
      {date_time, "2024-02-29T23:59:59Z", true},
      {date_time, "2024-02-29t12:00:00.123456+05:30", true},
      {date_time, "2016-12-31T23:59:60Z", true},
      {date_time, "2016-12-31T15:59:60-08:00", true},
      {date_time, "2016-12-31T22:59:60Z", false},
      {date_time, "2023-02-29T00:00:00Z", false},
      {date_time, "2024-01-01T24:00:00Z", false},
      {date_time, "2024-01-01 00:00:00Z", false},
      {date_time, "2024-01-01T00:00:00", false},
      {date_time, "2024-01-01T00:00:00.Z", false},
      {date, "2000-02-29", true},
      {date, "1900-02-29", false},
      {date, "2024-1-1", false},
      {date, "2024-01-01x", false},
      {uuid, "2EB8AA08-aa98-11EA-b4aa-73B441D16380", true},
      {uuid, "2eb8aa08aa9811eab4aa73b441d16380", false},
      {uuid, "2eb8aa08-aa98-11ea-b4aa-73b441d1638g", false},
      {email, "joe.bloggs+tag@example.com", true},
      {email, "joe..bloggs@example.com", false},
      {email, ".joe@example.com", false},
      {email, "joe@-example.com", false},
      {email, "joe", false},
      {email, "a@b@c", false},
      {ipv4, "192.168.0.1", true},
      {ipv4, "192.168.0.01", false},
      {ipv4, "256.0.0.1", false},
      {ipv4, "1.2.3", false},
      {ipv6, "::1", true},
      {ipv6, "::", true},
      {ipv6, "2001:db8::8:800:200c:417a", true},
      {ipv6, "::ffff:192.168.0.1", true},
      {ipv6, "1:2:3:4:5:6:7:8", true},
      {ipv6, "1:2:3:4:5:6:7", false},
      {ipv6, "1::2::3", false},
      {ipv6, "12345::", false},
      {ipv6, "fe80::1%eth0", false},
      {ipv6, ":1:2:3:4:5:6:7:8", false},
      {uri, "https://user@example.com:8080/a?b=c#d", true},
      {uri, "urn:isbn:1", true},
      {uri, "http://[::1]/", true},
      {uri, "/relative", false},
      {uri, "http://exa mple.com", false},
      {uri, "http://example.com/%zz", false},
      {uri, "http://example.com/[a]", false},
      {byte, "aGVsbG8=", true},
      {byte, "", true},
      {byte, "aGVsbG8", false},
      {byte, "aGVs*G8=", false},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(matches(each.format, each.text), each.right) << to_string(each.format) << " " << each.text;
  }
}

TEST(Formats, HaveTheNamesOfOpenApi) {
  EXPECT_EQ(format_named("date-time"), Format::date_time);
  EXPECT_EQ(format_named("int64"), Format::int64);
  EXPECT_FALSE(format_named("password"));
}

}  // namespace
}  // namespace bulkhead::contracts
