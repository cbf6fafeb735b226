#include "http/hpack.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/hpack_huffman.hpp"
#include "http/octets.hpp"

namespace bulkhead::http::hpack {
namespace {

std::string octets(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(hex_value(hex[i]) * 16 + hex_value(hex[i + 1]));
  }
  return bytes;
}

std::string read(Decoder& decoder, std::string_view block) {
  std::string text;
  decoder.begin(block);
  DecodedField field;
  while (true) {
    const Decoder::Outcome outcome = decoder.next(field);
    if (outcome == Decoder::Outcome::end) return text;
    if (outcome == Decoder::Outcome::error) return text + "error";
    text += fmt::format("{}={}{}|", field.kind == Kind::invalid ? "!" : "", field.name, field.value);
  }
}

// Names, values and sizes of the dynamic table, newest first.
std::string table_of(const DynamicTable& table) {
  std::string text;
  for (std::size_t i = 0; i < table.count(); ++i) {
    const DynamicTable::Entry& entry = table.entry(i);
    text += fmt::format("{}={}|", table.name(entry), table.value(entry));
  }
  return text;
}

struct Step {
  std::string_view block, fields, table;
};

// RFC 7541 appendix C: C.2.1 to C.2.4, each on a connection of its own.
TEST(Hpack, ReadsEveryKindOfFieldOfAppendixC2) {
  const std::vector<Step> steps = {
      {"400a637573746f6d2d6b65790d637573746f6d2d686561646572", "=custom-keycustom-header|",
       "custom-key=custom-header|"},
      {"040c2f73616d706c652f70617468", "=:path/sample/path|", ""},
      {"100870617373776f726406736563726574", "=passwordsecret|", ""},
      {"82", "=:methodGET|", ""},
  };
  for (const Step& step : steps) {
    Decoder decoder;
    EXPECT_EQ(read(decoder, octets(step.block)), step.fields);
    EXPECT_EQ(table_of(decoder.table()), step.table);
  }
}

void walk(std::size_t capacity, const std::vector<Step>& steps) {
  Decoder decoder(capacity);
  for (const Step& step : steps) {
    EXPECT_EQ(read(decoder, octets(step.block)), step.fields);
    EXPECT_EQ(table_of(decoder.table()), step.table);
  }
}

constexpr std::string_view kFirst = "=:methodGET|=:schemehttp|=:path/|=:authoritywww.example.com|";
constexpr std::string_view kSecond =
    "=:methodGET|=:schemehttp|=:path/|=:authoritywww.example.com|=cache-controlno-cache|";
constexpr std::string_view kThird =
    "=:methodGET|=:schemehttps|=:path/index.html|=:authoritywww.example.com|=custom-keycustom-value|";

TEST(Hpack, ReadsTheRequestsOfAppendixC3AndC4) {
  const std::string one = ":authority=www.example.com|";
  const std::string two = "cache-control=no-cache|" + one;
  const std::string three = "custom-key=custom-value|" + two;
  walk(4096, {{"828684410f7777772e6578616d706c652e636f6d", kFirst, one},
              {"828684be58086e6f2d6361636865", kSecond, two},
              {"828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", kThird, three}});
  walk(4096, {{"828684418cf1e3c2e5f23a6ba0ab90f4ff", kFirst, one},
              {"828684be5886a8eb10649cbf", kSecond, two},
              {"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", kThird, three}});
}

constexpr std::string_view kFound =
    "=:status302|=cache-controlprivate|=dateMon, 21 Oct 2013 20:13:21 GMT|=locationhttps://www.example.com|";
constexpr std::string_view kTemporary =
    "=:status307|=cache-controlprivate|=dateMon, 21 Oct 2013 20:13:21 GMT|=locationhttps://www.example.com|";
constexpr std::string_view kOk =
    "=:status200|=cache-controlprivate|=dateMon, 21 Oct 2013 20:13:22 GMT|=locationhttps://www.example.com|"
    "=content-encodinggzip|=set-cookiefoo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1|";

TEST(Hpack, ReadsTheResponsesOfAppendixC5AndC6AndEvicts) {
  const std::string one =
      "location=https://www.example.com|date=Mon, 21 Oct 2013 20:13:21 GMT|cache-control=private|:status=302|";
  const std::string two =
      ":status=307|location=https://www.example.com|date=Mon, 21 Oct 2013 20:13:21 GMT|cache-control=private|";
  const std::string three =
      "set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1|content-encoding=gzip|"
      "date=Mon, 21 Oct 2013 20:13:22 GMT|";
  walk(256, {{"4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17"
              "68747470733a2f2f7777772e6578616d706c652e636f6d",
              kFound, one},
             {"4803333037c1c0bf", kTemporary, two},
             {"88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d"
              "4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273"
              "696f6e3d31",
              kOk, three}});
  walk(256, {{"488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8"
              "e9ae82ae43d3",
              kFound, one},
             {"4883640effc1c0bf", kTemporary, two},
             {"88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b"
              "3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
              kOk, three}});
}

TEST(Hpack, RefusesWhatCanNotBeRead) {
  for (const std::string_view block : {
           "80",                    // index 0
           "be",                    // an entry that the empty table does not have
           "ffffffffffffffffffff",  // an integer without end
           "ff80808080",            // and one that the block cuts off
           "7f",                    // a name's index, cut off
           "4003",                  // a name, cut off
           "400161ff",              // a value's length, cut off
           "4001618118",            // Huffman: "a" is 00011, and the padding is of zeros
           "40016184ffffffff",      // EOS
           "400161821fff",          // padding of more than seven bits
           "3fe21f",                // a table of 4097
           "8220",                  // a change of the table's size behind a field
       }) {
    Decoder decoder;
    EXPECT_TRUE(read(decoder, octets(block)).ends_with("error")) << block;
  }
}

TEST(Hpack, MarksWhatNoMessageMayHold) {
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"X", "y"}, {"", "y"}, {"x y", "y"}, {":odd", "y"}, {"x", "a\nb"}, {"x", " y"}, {"x", "y\t"}}) {
    Decoder decoder;
    std::string block = "\x40";
    block += static_cast<char>(name.size());
    block += name;
    block += static_cast<char>(value.size());
    block += value;
    block += '\xbe';  // and what the table remembers of it
    EXPECT_EQ(read(decoder, block), fmt::format("!={}{}|!={}{}|", name, value, name, value));
  }
}

TEST(Hpack, AnInvalidValueDoesNotTaintItsName) {
  Decoder decoder;
  EXPECT_EQ(read(decoder, octets("4001780120")), "!=x |");
  EXPECT_EQ(read(decoder, octets("7e0161")), "=xa|");
}

TEST(Hpack, HuffmanComesBackAsItWas) {
  std::string every;
  for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
  for (std::size_t begin = 0; begin < every.size(); ++begin) {
    for (const std::size_t size : {1U, 2U, 3U, 7U, 256U}) {
      const std::string_view text = std::string_view(every).substr(begin, size);
      std::string coded;
      huffman_encode(text, coded);
      EXPECT_EQ(coded.size(), huffman_size(text));
      std::string decoded;
      EXPECT_TRUE(huffman_decode(coded, decoded));
      EXPECT_EQ(decoded, text);
    }
  }
}

struct Line {
  std::string name, value;
  Indexing indexing = Indexing::add;
};

std::string write(Encoder& encoder, const std::vector<Line>& lines) {
  std::string block;
  encoder.begin(block);
  for (const Line& line : lines) encoder.encode(line.name, line.value, line.indexing, block);
  return block;
}

TEST(Hpack, SpendsOneOctetOnWhatWasSentBefore) {
  Encoder encoder;
  Decoder decoder;
  const std::vector<Line> lines = {{":method", "GET"}, {":path", "/a", Indexing::without}, {"x-a", "1"}, {"x-b", "2"}};
  const std::string first = write(encoder, lines);
  EXPECT_EQ(read(decoder, first), "=:methodGET|=:path/a|=x-a1|=x-b2|");
  const std::string second = write(encoder, lines);
  EXPECT_EQ(second.size(), 1U + 4U + 1U + 1U);
  EXPECT_EQ(read(decoder, second), "=:methodGET|=:path/a|=x-a1|=x-b2|");
}

TEST(Hpack, BothTablesStayTheSameOverManyBlocksAndChangesOfSize) {
  Encoder encoder;
  Decoder decoder;
  for (unsigned i = 0; i < 3000; ++i) {
    if (i % 100 == 37) encoder.set_allowed(i % 7 * 100);
    if (i % 100 == 38) encoder.set_allowed(4096);
    const std::vector<Line> lines = {{fmt::format("x-{}", i % 11), std::string(i % 50, 'v')},
                                     {"x-same", "same"},
                                     {"x-new", fmt::format("{}", i)},
                                     {"secret", fmt::format("{}", i), Indexing::never},
                                     {"x-large", std::string(i % 5000, 'l')}};
    std::string expected;
    for (const Line& line : lines) expected += fmt::format("={}{}|", line.name, line.value);
    ASSERT_EQ(read(decoder, write(encoder, lines)), expected) << i;
    ASSERT_EQ(table_of(decoder.table()), table_of(encoder.table())) << i;
  }
}

TEST(Hpack, SaysTheSmallestSizeThatTheTableHadInBetween) {
  Encoder encoder;
  encoder.set_allowed(0);
  encoder.set_allowed(4096);
  EXPECT_EQ(write(encoder, {}), octets("203fe11f"));
  EXPECT_EQ(write(encoder, {}), "");
}

}  // namespace
}  // namespace bulkhead::http::hpack
