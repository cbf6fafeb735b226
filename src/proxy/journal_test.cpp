#include "proxy/journal.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "policy/decide.hpp"

namespace bulkhead::proxy {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string pattern = testing::TempDir() + "journal-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~JournalTest() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/records.jsonl"; }

  Visit visit_of(std::string target) {
    Visit visit;
    visit.caller = "web";
    visit.callee = "catalog";
    visit.method = "GET";
    visit.path = std::move(target);
    visit.hide(&mask_, visit.path);
    return visit;
  }

  std::string written(const std::function<void(Journal&)>& what) {
    auto records = telemetry::Records::open({.path = path()});
    Journal journal(loop_, "web", std::move(*records));
    what(journal);
    journal.flush();
    return read_file(path()).value_or("");
  }

  net::Loop loop_;
  std::string directory_;
  contracts::PathMask mask_{std::vector<std::string>{"/cards/{!}"}};
};

TEST_F(JournalTest, APathIsNotToldByWhoeverSaysWhyItFailed) {
  Visit visit = visit_of("/cards/hush?q=hush");
  visit.detail = "web may not call catalog:80 GET /cards/hush: the user's token is refused";
  const std::string text = written([&](Journal& journal) {
    journal.begin(visit);
    journal.finish(visit);
  });
  EXPECT_NE(text.find("GET /cards/*: the user's token"), std::string::npos) << text;
  EXPECT_EQ(text.find("hush"), std::string::npos) << text;
}

TEST_F(JournalTest, ASecretInAPathIsNotWritten) {
  Redactor secrets;
  secrets.add("key", "k-0123456789");
  const std::string marks = telemetry::SecretMarks({}, secrets).text();
  Visit visit = visit_of("/hooks/k-0123456789");
  const std::string text = written([&](Journal& journal) {
    journal.hide_secrets({marks});
    journal.begin(visit);
    journal.finish(visit);
  });
  EXPECT_NE(text.find("/hooks/[secret key]"), std::string::npos) << text;
  EXPECT_EQ(text.find("k-0123456789"), std::string::npos) << text;
}

TEST_F(JournalTest, NorByTheLineThatWouldAllowIt) {
  for (const std::string card : {"hush", "hush$1", "hush\"2", "hush(3)"}) {
    const Visit visit = visit_of("/cards/" + card);
    const policy::Attempt attempt{visit.caller, visit.callee, {80}, policy::Protocol::http, visit.method, visit.path};
    Refusal refusal;
    refusal.method = visit.method;
    refusal.path = visit.path;
    refusal.allow = policy::decide({}, attempt).remedy.line;
    EXPECT_NE(refusal.allow.find("hush"), std::string::npos) << "as it is told the caller";
    refusal.reason = "to allow it, write " + refusal.allow;
    const std::string text = written([&](Journal& journal) { journal.denied(visit, refusal, kLearned); });
    EXPECT_NE(text.find("GET /cards/*"), std::string::npos) << text;
    EXPECT_EQ(text.find("hush"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace bulkhead::proxy
