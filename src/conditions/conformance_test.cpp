// All cases of cel-spec. tests/suites/cel/left_out.txt says which ones conditions leave out and why.

#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include <fnmatch.h>
#include <gtest/gtest.h>

#include "conditions/evaluate.hpp"
#include "conditions/parser.hpp"
#include "conditions/program.hpp"
#include "conditions/spec_cases_test.hpp"

namespace bulkhead::conditions {
namespace {

using nlohmann::json;

const std::string kSuite = std::string(BULKHEAD_SOURCE_DIR) + "/tests/suites/cel/";

// The path of the cases, or "" with the reason in `why`.
std::string fetch(std::string& why) {
  const std::string command = kSuite + "fetch 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "r"), pclose);
  std::string text;
  for (int c = std::fgetc(output.get()); c != EOF; c = std::fgetc(output.get())) text += static_cast<char>(c);
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);) last = line;
  if (last.ends_with(".jsonl") && std::ifstream(last)) return last;
  why = last;
  return "";
}

struct LeftOut {
  std::string pattern;
  std::string reason;
  int cases = 0;
};

std::vector<LeftOut> read_left_out() {
  std::vector<LeftOut> all;
  std::ifstream file(kSuite + "left_out.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t bar = line.find(" | ");
    all.push_back({line.substr(0, bar), line.substr(bar + 3)});
  }
  return all;
}

class Bindings final : public Activation {
 public:
  explicit Bindings(std::vector<Value> values) : values_(std::move(values)) {}
  Value value(Slot slot) const override { return values_[slot]; }

 private:
  std::vector<Value> values_;
};

struct Declared {
  Environment environment;
  std::vector<Value> values;
};

// What cel-go's checker tests declare for all of theirs.
void declare_names_of_checking(Environment& environment) {
  const std::pair<const char*, Kind> names[] = {{"is", Kind::string},  {"ii", Kind::int64}, {"iu", Kind::uint64},
                                                {"iz", Kind::boolean}, {"ib", Kind::bytes}, {"id", Kind::float64},
                                                {"ix", Kind::null}};
  for (const auto& [name, kind] : names) environment.declare(name, kind);
}

// Functions, and variables of types that are not ours, are left out.
Declared declare(const json& test, SpecValues& values) {
  Declared declared;
  if (test.at("id").get<std::string>().starts_with("checking/") && !test.contains("typeEnv")) {
    declare_names_of_checking(declared.environment);
  }
  for (const json& each : test.value("typeEnv", json::array())) {
    if (!each.contains("ident")) continue;
    const auto type = read_type(each["ident"].at("type"));
    if (!type) continue;
    const std::string name = each.at("name");
    declared.environment.declare(name, *type);
    const json& bindings = test.value("bindings", json::object());
    declared.values.push_back(bindings.contains(name) ? values.read(bindings[name].at("value"))
                                                      : Value::failure({Reason::no_such_key}));
  }
  return declared;
}

// "" where all is as expected; else what is not.
std::string syntax_differs(const json& test) {
  const Checked<Ast> ast = parse(test.at("expr").get<std::string>());
  if (ast.has_value() == test.contains("ast")) return "";
  return ast ? "it is accepted" : "refused: " + ast.error().message;
}

std::string type_differs(const json& test, const Type& type) {
  const std::string wanted = test.value("type", "");
  return wanted.empty() || wanted == to_string(type) ? ""
                                                     : fmt::format("the type is {}, not {}", to_string(type), wanted);
}

std::string checking_differs(const json& test) {
  SpecValues values;
  const Declared declared = declare(test, values);
  const Checked<Ast> ast = parse(test.at("expr").get<std::string>());
  if (!ast) return test.contains("type") ? "refused: " + ast.error().message : "";
  const Checked<Meaning> meaning = check(*ast, declared.environment);
  if (!meaning) return test.contains("type") ? "refused: " + meaning.error().message : "";
  return test.contains("type") ? type_differs(test, meaning->types[ast->root]) : "it is accepted";
}

std::string value_differs(const json& test) {
  SpecValues values;
  const Declared declared = declare(test, values);
  const bool refusable = test.contains("evalError") && test.value("disableCheck", false);
  const auto refused = [&](const Mistake& mistake) { return refusable ? "" : "refused: " + mistake.message; };
  const Checked<Ast> ast = parse(test.at("expr").get<std::string>());
  if (!ast) return refused(ast.error());
  const Checked<Meaning> meaning = check(*ast, declared.environment);
  if (!meaning) return refused(meaning.error());
  if (const std::string differs = type_differs(test, meaning->types[ast->root]); !differs.empty()) return differs;
  if (test.value("checkOnly", false)) return "";
  const Checked<Program> program = make_program(*ast, *meaning);
  if (!program) return refused(program.error());
  Arena arena;
  const Value value = evaluate(*program, Bindings(declared.values), arena).value;
  if (test.contains("evalError")) return value.is_failure() ? "" : "the value is " + shown(value);
  Value wanted = Value::boolean(true);
  if (test.contains("typedResult")) wanted = values.read(test["typedResult"].at("result"));
  if (test.contains("value")) wanted = values.read(test["value"]);
  return is_same(value, wanted) ? "" : fmt::format("the value is {}, not {}", shown(value), shown(wanted));
}

std::string differs(const json& test) {
  const std::string id = test.at("id");
  try {
    if (id.starts_with("parsing/") || id.starts_with("comprehension/")) return syntax_differs(test);
    return id.starts_with("checking/") ? checking_differs(test) : value_differs(test);
  } catch (const NotOurs& missing) {
    return "conditions do not have " + missing.what;
  }
}

// What the specification fails or refuses too: that we refuse it as well does not tell that we have it.
bool is_to_fail(const json& test) {
  const std::string id = test.at("id");
  if (id.starts_with("conformance/")) return test.contains("evalError");
  return id.starts_with("checking/") ? !test.contains("type") : !test.contains("ast");
}

TEST(Conformance, EveryCaseOfTheSpecificationIsRightOrLeftOutForAReason) {
  std::string why;
  const std::string path = fetch(why);
  if (path.empty()) GTEST_SKIP() << why;
  std::vector<LeftOut> left_out = read_left_out();
  std::map<std::string, std::pair<int, int>> sections;  // right, left out
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const json test = json::parse(line);
    const std::string id = test.at("id");
    const auto listed = std::ranges::find_if(
        left_out, [&](const LeftOut& each) { return fnmatch(each.pattern.c_str(), id.c_str(), 0) == 0; });
    const std::string found = differs(test);
    auto& [right, left] = sections[id.substr(0, id.find('/', id.starts_with("conformance/") ? 12 : 0))];
    if (listed == left_out.end()) {
      EXPECT_EQ(found, "") << id << ": " << test.at("expr");
      ++right;
    } else {
      EXPECT_TRUE(!found.empty() || is_to_fail(test)) << id << " is right, but left out: " << listed->reason;
      listed->cases += found.empty() ? 0 : 1;
      ++left;
    }
  }
  int all = 0;
  for (const auto& [section, counts] : sections) {
    std::cout << fmt::format("{:32} {:5} right {:5} left out\n", section, counts.first, counts.second);
    all += counts.first;
  }
  for (const LeftOut& each : left_out) EXPECT_GT(each.cases, 0) << each.pattern << " leaves out nothing";
  EXPECT_GT(all, 1'000);
}

}  // namespace
}  // namespace bulkhead::conditions
