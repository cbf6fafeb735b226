// Every row of tests/wire/requests.txt, at the decoder alone.

#include <fstream>
#include <regex>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/h1_decoder.hpp"
#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

using Kind = H1Step::Kind;

struct Row {
  std::string name;
  std::vector<int> statuses;
  bool keeps = false;
  std::string bytes;
};

std::string repeated(const std::string& text) {
  static const std::regex kRepeat(R"(\{(.*?)\*(\d+)\})");
  std::string out;
  std::string rest = text;
  for (std::smatch match; std::regex_search(rest, match, kRepeat); rest = match.suffix()) {
    out += match.prefix();
    for (int i = std::stoi(match[2]); i > 0; --i) out += match[1];
  }
  return out + rest;
}

std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '^') {
      out += "\r\n";
    } else if (text[i] != '\\') {
      out += text[i];
    } else if (text[++i] == 'x') {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      const char c = text[i];
      out += c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c == '0' ? '\0' : c;
    }
  }
  return out;
}

std::vector<Row> rows() {
  std::ifstream file(BULKHEAD_SOURCE_DIR "/tests/wire/requests.txt");
  std::vector<Row> found;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::array<std::string, 4> columns;
    for (std::string& column : columns) {
      const std::size_t bar = line.find(" | ");
      column = line.substr(0, bar);
      line.erase(0, bar + 3);
    }
    Row row{columns[0], {}, columns[2] == "keep", unescaped(repeated(line))};
    static const std::regex kNumber(R"(\d+)");
    for (std::sregex_iterator at(columns[1].begin(), columns[1].end(), kNumber), end; at != end; ++at) {
      row.statuses.push_back(std::stoi(at->str()));
    }
    found.push_back(std::move(row));
  }
  return found;
}

// "taken", for each message, and "refused STATUS" or "closed" at the end.
std::vector<std::string> read(std::string_view bytes) {
  H1Decoder decoder(H1Decoder::Role::request);
  std::vector<std::string> said;
  while (true) {
    const H1Step step = decoder.decode(bytes);
    bytes.remove_prefix(step.consumed);
    if (step.kind == Kind::refused) {
      said.push_back(fmt::format("refused {}", decoder.refusal().status));
      return said;
    }
    if (step.kind == Kind::need_more) {
      if (decoder.finish(bytes.size()).kind == Kind::refused) said.emplace_back("cut short");
      return said;
    }
    if (step.kind != Kind::end) continue;
    said.emplace_back("taken");
    if (!decoder.keep_alive()) {
      said.emplace_back("closed");
      return said;
    }
    decoder.next();
  }
}

// What a server's answers say about the decoder: a refusal that keeps the connection is somebody else's.
std::vector<std::string> expected(const Row& row) {
  std::vector<std::string> said;
  if (row.statuses.empty()) return {"cut short"};
  for (const int status : row.statuses) {
    if (status >= 200) said.emplace_back("taken");
  }
  if (row.keeps) return said;
  if (row.statuses.back() < 400) {
    said.emplace_back("closed");
  } else {
    said.back() = fmt::format("refused {}", row.statuses.back());
  }
  return said;
}

TEST(H1Wire, EveryRawRequestIsTakenOrRefusedAsTheTableSays) {
  const std::vector<Row> table = rows();
  EXPECT_GE(table.size(), 215U);
  for (const Row& row : table) EXPECT_EQ(read(row.bytes), expected(row)) << row.name;
}

}  // namespace
}  // namespace bulkhead::http
