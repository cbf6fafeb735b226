// The official JSON Schema test suite, every required test: right, or refused when compiled and listed in
// suite_refused.txt with the reason.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "contracts/schema.hpp"

namespace bulkhead::contracts {
namespace {

namespace fs = std::filesystem;

// Where the suite is; empty where it can't be fetched.
fs::path fetch_suite() {
  const std::string command = std::string(BULKHEAD_SOURCE_DIR) + "/tests/suites/json-schema";
  std::string printed;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return {};
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) printed.push_back(static_cast<char>(c));
  const bool done = ::pclose(pipe) == 0;
  return done ? fs::path(printed.substr(0, printed.find('\n'))) : fs::path();
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Suite {
 public:
  Suite(const fs::path& root, std::string draft, Dialect dialect)
      : root_(root), draft_(std::move(draft)), dialect_(dialect) {
    for (const auto& each : fs::recursive_directory_iterator(root / "remotes")) {
      const std::string path = fs::relative(each.path(), root / "remotes").string();
      if (each.is_regular_file() && (!path.starts_with("draft") || path.starts_with(draft_ + "/"))) {
        add(each.path(), "http://localhost:1234/" + path);
      }
    }
    const std::string meta = draft_ == "draft4" ? "draft4" : "draft202012";
    for (const auto& each : fs::recursive_directory_iterator(root / "meta" / meta)) {
      if (each.is_regular_file()) add(each.path(), "");
    }
    std::ifstream listed(BULKHEAD_SOURCE_DIR "/src/contracts/suite_refused.txt");
    for (std::string line; std::getline(listed, line);) {
      if (line.starts_with(draft_ + " | ")) refused_.insert(line.substr(draft_.size() + 3));
    }
  }

  void run() {
    for (const auto& each : fs::directory_iterator(root_ / "tests" / draft_)) {
      if (each.is_regular_file()) run_file(each.path());
    }
    for (const std::string& line : refused_) ADD_FAILURE() << "listed as refused, and is not: " << line;
    std::printf("%s: %d tests right, %d refused\n", draft_.c_str(), right_, refused_tests_);
    EXPECT_GT(right_, 500);
  }

 private:
  void add(const fs::path& path, std::string uri) {
    auto node = read_document(read(path), path.string());
    ASSERT_TRUE(node) << node.error().message;
    if (uri.empty()) uri = node->string(draft_ == "draft4" ? "id" : "$id");
    given_.push_back(std::make_unique<Node>(std::move(*node)));
    others_[uri] = given_.back().get();
  }

  void run_file(const fs::path& path) {
    const auto groups = read_document("{\"groups\":" + read(path) + "}", path.string());
    ASSERT_TRUE(groups) << groups.error().message;
    for (const Node& group : groups->find("groups")->items) run_group(path.stem().string(), group);
  }

  void run_group(const std::string& file, const Node& group) {
    const std::string name = file + ": " + std::string(group.string("description"));
    const auto& tests = group.find("tests")->items;
    const auto schema = Schema::compile(*group.find("schema"), dialect_, "", others_);
    if (!schema) {
      const bool listed = refused_.erase(name + " | " + schema.error().message) == 1;
      EXPECT_TRUE(listed) << draft_ << " | " << name << " | " << schema.error().message;
      refused_tests_ += static_cast<int>(tests.size());
      return;
    }
    for (const Node& test : tests) {
      std::string body;
      append_json(body, *test.find("data"));
      ASSERT_FALSE(json_.read(body));
      const auto failure = schema->check(json_, evaluator_);
      EXPECT_EQ(!failure, test.flag("valid")) << name << ": " << test.string("description") << "\n"
                                              << body << (failure ? failure->rule + " " + failure->message : "");
      ++right_;
    }
  }

  fs::path root_;
  std::string draft_;
  Dialect dialect_;
  std::vector<std::unique_ptr<Node>> given_;
  Documents others_;
  std::set<std::string> refused_;
  Json json_;
  Evaluator evaluator_;
  int right_ = 0;
  int refused_tests_ = 0;
};

void run_suite(const std::string& draft, Dialect dialect) {
  const fs::path root = fetch_suite();
  if (root.empty()) GTEST_SKIP() << "the JSON Schema test suite can't be fetched";
  Suite(root, draft, dialect).run();
}

TEST(JsonSchemaSuite, EveryRequiredTestOfDraft202012IsRightOrRefused) { run_suite("draft2020-12", Dialect::draft2020); }
TEST(JsonSchemaSuite, EveryRequiredTestOfDraft4IsRightOrRefused) { run_suite("draft4", Dialect::draft4); }

}  // namespace
}  // namespace bulkhead::contracts
