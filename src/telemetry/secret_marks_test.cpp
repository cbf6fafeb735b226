#include "telemetry/secret_marks.hpp"

#include <random>

#include <gmock/gmock.h>

namespace bulkhead::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

SecretMarks::Key key_of(std::uint8_t octet) {
  SecretMarks::Key key;
  key.fill(octet);
  return key;
}

SecretMarks marks_of(const std::vector<std::pair<std::string, std::string>>& secrets) {
  Redactor redactor;
  for (const auto& [name, content] : secrets) redactor.add(name, content);
  return {key_of(7), redactor};
}

std::string hidden(const SecretMarks& marks, std::string text) {
  marks.hide(text);
  return text;
}

TEST(SecretMarks, ValuesAreHiddenAtTheirLength) {
  const auto marks = marks_of({{"db", "hunter2hunter2"}, {"a-long-name", "eight888"}});
  EXPECT_EQ(hidden(marks, "/x/hunter2hunter2/y"), "/x/[secret db]***/y");
  EXPECT_EQ(hidden(marks, "hunter2hunter2hunter2hunter2"), "[secret db]***[secret db]***");
  EXPECT_EQ(hidden(marks, "eight888"), "[secret]");
  EXPECT_EQ(hidden(marks, "hunter2hunter"), "hunter2hunter");
  EXPECT_EQ(hidden(marks, ""), "");
  EXPECT_EQ(hidden(marks_of({{"pin", "1234567"}}), "1234567"), "1234567");
}

TEST(SecretMarks, OfTwoThatBeginAlikeTheLongerIsHidden) {
  const auto marks = marks_of({{"a", "beginning"}, {"b", "beginning of more"}});
  EXPECT_EQ(hidden(marks, "beginning of more"), "[secret b]*******");
  EXPECT_EQ(hidden(marks, "beginning of less"), "[secret]* of less");
}

TEST(SecretMarks, FormsOfJsonAndOfPathsAreKnown) {
  const auto marks = marks_of({{"s", "a/b+c=\"d\" é\\"}});
  for (const std::string form :
       {"a/b+c=\"d\" é\\", R"(a/b+c=\"d\" é\\)", "a%2Fb%2Bc%3D%22d%22%20%C3%A9%5C", "a/b%2Bc%3D%22d%22%20%C3%A9%5C"}) {
    std::string text = "<" + form + ">";
    marks.hide(text);
    EXPECT_EQ(text, "<[secret s]" + std::string(form.size() - 10, '*') + ">");
  }
}

TEST(SecretMarks, EachLineOfASecretIsOne) {
  const auto marks = marks_of({{"key", "-----BEGIN X-----\nMIIEvQIBADAN\n  Bgkqhkw0BAQE \n-----END X-----\n"}});
  EXPECT_EQ(hidden(marks, "MIIEvQIBADAN Bgkqhkw0BAQE -----BEGIN X-----"),
            "[secret key] [secret key] -----BEGIN X-----");
}

TEST(SecretMarks, TravelWithoutTheValues) {
  const auto marks = marks_of({{"db", "hunter2hunter2"}, {"with blank", "eight888 and more"}});
  const std::vector<std::string> texts{marks.text(), marks_of({{"other", "another value"}}).text()};
  EXPECT_THAT(texts[0], Not(HasSubstr("hunter")));
  EXPECT_THAT(texts[0], Not(HasSubstr("eight")));
  const auto read = SecretMarks::from_texts(texts);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(hidden(*read, "hunter2hunter2, eight888 and more, another value"),
            "[secret db]***, [secret]*********, [secret]*****");
  EXPECT_EQ(SecretMarks().text(), "");
  EXPECT_TRUE(SecretMarks::from_texts({})->empty());
}

TEST(SecretMarks, WhatIsNoMarkIsRefused) {
  const std::string whole = marks_of({{"db", "hunter2hunter2"}}).text();
  const std::string key = whole.substr(0, 64);
  for (const std::string& text :
       {std::string(), std::string("x"), key.substr(1), key + "\n1 2 3 4",
        key + "\n70000 14 " + key.substr(0, 32) + " db", key + "\n7 7 " + key.substr(0, 32) + " db",
        key + "\n7 14 " + key.substr(0, 32), key + "\n7 14 " + key.substr(0, 30) + " db"})
    EXPECT_FALSE(SecretMarks::from_texts(std::span(&text, 1))) << text;
  const std::vector<std::string> two{whole, std::string(64, '1') + whole.substr(64)};
  EXPECT_FALSE(SecretMarks::from_texts(two));
}

// Looking at each of them would take a minute and more.
TEST(SecretMarks, BeginningsOverAndOverAreHiddenFromSomewhereOn) {
  std::string content;
  for (int i = 0; i < 1000; ++i) content += "beginning" + std::string(i + 1, 'x') + "\n";
  content += "beginning" + std::string(50'000, 'y') + "\n";
  const auto marks = marks_of({{"s", content}});
  std::string text;
  while (text.size() < (1U << 20U)) text += "beginnin";
  const std::size_t size = text.size();
  marks.hide(text);
  EXPECT_EQ(text.size(), size);
  EXPECT_TRUE(text.starts_with("beginninbeginnin"));
  EXPECT_TRUE(text.ends_with(std::string(size / 2, '*')));
  // What nobody made so is looked at to its end.
  std::string plain;
  for (int i = 0; plain.size() < (1U << 20U); ++i) plain += std::to_string(i * 7919) + " ";
  const std::string before = plain;
  marks.hide(plain);
  EXPECT_EQ(plain, before);
}

TEST(SecretMarks, ThereAreNoMoreThanABound) {
  std::string content;
  for (int i = 0; i < 5000; ++i) content += "line number " + std::to_string(i) + "\n";
  const std::string text = marks_of({{"huge", content}}).text();
  EXPECT_LE(std::ranges::count(text, '\n'), SecretMarks::kMost + 3);
  EXPECT_GE(std::ranges::count(text, '\n'), SecretMarks::kMost);
}

// What the redactor finds, which knows the values, is what is hidden.
TEST(SecretMarks, FindWhatTheRedactorFinds) {
  std::mt19937 random(1);
  const auto letters = [&](std::size_t size) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    Redactor redactor;
    for (int i = 0; i < 4; ++i) redactor.add("s", letters(8 + random() % 4));
    const SecretMarks marks(key_of(static_cast<std::uint8_t>(round)), redactor);
    const std::string text = letters(200);
    std::string expected = redactor.redact(text), found = hidden(marks, text);
    std::erase(found, '*');
    for (std::string* each : {&expected, &found})
      for (std::size_t at = 0; (at = each->find("[secret s]")) != std::string::npos;) each->replace(at, 10, "[secret]");
    EXPECT_EQ(found, expected);
  }
}

}  // namespace
}  // namespace bulkhead::telemetry
