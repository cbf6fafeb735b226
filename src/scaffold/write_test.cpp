#include "scaffold/write.hpp"

#include "scaffold/fixture.hpp"

namespace bulkhead::scaffold {
namespace {

TEST(Write, a_value_comes_back_as_it_was) {
  const std::string odd[] = {
      "",    "~",    "null",     "yes",     "a b",      "a: b",      "#x",    "x #y",      "'q'",      "\"d\"",
      "\\",  "a\nb", "a\nb\n",   "\n",      " lead\nx", "tab\there", "[x]",   "{x}",       "*a",       "&a",
      "!t",  "%x",   "@x",       "`x`",     "-",        "--x",       "a,b",   "ends\\",    "\xc3\xbc", "x: [",
      "...", "<<",   "a\n\n\nb", "a\n b\n", "0x10",     "1e3",       "a\\nb", "trailing ", "a\r\nb",   "#!x\n$$HOME"};
  for (const std::string& value : odd) {
    Plan plan;
    plan.app = "a";
    ServicePlan service;
    service.name = "s";
    service.command = {"/x", value, "end"};
    service.environment = {{"V", value, "why: [x] # y\nz"}};
    plan.services.push_back(service);
    std::string text = write(plan);
    auto parsed = manifest::parse(text);
    ASSERT_TRUE(parsed.application) << text << manifest::render(parsed.mistakes);
    const manifest::Service& read = parsed.application->services.front();
    std::string wanted = replaced(value, "$$", "$");
    EXPECT_EQ(read.command.at(1), wanted) << text;
    EXPECT_EQ(read.environment.front().value, wanted) << text;
  }
}

TEST(Write, an_edit_names_the_line_of_its_key) {
  Plan plan;
  plan.app = "a";
  ServicePlan service;
  service.name = "s";
  service.command = {"/x"};
  service.ports = {{8080, Protocol::http, ""}};
  plan.services.push_back(service);
  plan.edits = {{"s", "port", "x", "", ""}, {"s", "mounts", "x", "", ""}, {"", "", "x", "", ""}};
  std::string text = write(plan);
  EXPECT_EQ(text, "app: a\nservices:\n  s:\n    command: [/x]\n    port: 8080\n");
  EXPECT_EQ(plan.edits[0].line, 5);
  EXPECT_EQ(plan.edits[1].line, 3);
  EXPECT_EQ(plan.edits[2].line, 0);
}

}  // namespace
}  // namespace bulkhead::scaffold
