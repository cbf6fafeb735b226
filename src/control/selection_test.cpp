#include "control/selection.hpp"

#include <gmock/gmock.h>

#include "policy/model.hpp"

namespace bulkhead::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kShop = R"(
app: shop
services:
  web: {command: [./web], port: 8080, calls: [catalog], depends_on: [migrate]}
  catalog: {command: [./catalog], port: 8080, calls: [db], environment: {LEVEL: "@LEVEL@"}}
  db: {command: [./db], port: 5432, protocol: tcp}
  migrate: {type: job, command: [./migrate], calls: [db]}
  mail: {command: [./mail], port: 8080, environment: {LEVEL: "@LEVEL@"}}
gateway: {routes: [{to: web}]}
)";

struct Read {
  Desired desired;
  Loaded loaded;
};

Read read(const std::string& level, std::set<std::string> selected = {}) {
  Desired desired{.file = "bulkhead.yaml", .directory = "/srv", .text = kShop};
  for (std::size_t at = desired.text.find("@LEVEL@"); at != std::string::npos; at = desired.text.find("@LEVEL@"))
    desired.text.replace(at, 7, level);
  desired.selected = std::move(selected);
  auto loaded = load(desired);
  return {desired, std::move(*loaded)};
}

std::set<std::string> closure(const Loaded& loaded, std::set<std::string> names) {
  return with_callees(loaded.application, loaded.model, std::move(names));
}

TEST(Selection, TakesWhatAServiceCallsAndWaitsFor) {
  const Read shop = read("info");
  EXPECT_THAT(closure(shop.loaded, {"catalog"}), ElementsAre("catalog", "db"));
  EXPECT_THAT(closure(shop.loaded, {"web"}), ElementsAre("catalog", "db", "migrate", "web"));
  EXPECT_THAT(closure(shop.loaded, {"_gateway"}), ElementsAre("_gateway", "catalog", "db", "migrate", "web"));
  EXPECT_THAT(closure(shop.loaded, {"mail"}), ElementsAre("mail"));
}

TEST(Selection, TakesNothingThatAServiceMayOnlyLearn) {
  Read shop = read("info");
  shop.desired.text += "mode: learn\n";
  const auto learning = load(shop.desired);
  ASSERT_TRUE(learning);
  EXPECT_GT(learning->model.edges.size(), shop.loaded.model.edges.size());
  EXPECT_THAT(closure(*learning, {"catalog"}), ElementsAre("catalog", "db"));
}

TEST(Selection, LeavesWhatElseRunsAsItIs) {
  const Read running = read("info");
  Read next = read("debug", {"catalog", "db"});
  leave_others(next.desired, next.loaded.application, running.desired, running.loaded.application, "then");
  EXPECT_THAT(next.desired.selected, ElementsAre("_gateway", "catalog", "db", "mail", "migrate", "web"));
  EXPECT_THAT(next.desired.held, ElementsAre(Pair("mail", "then"))) << "the others are the same";
}

TEST(Selection, StartsNothingThatDoesNotRunAndWasNotNamed) {
  const Read running = read("info", {"mail"});
  Read next = read("info", {"catalog", "db"});
  leave_others(next.desired, next.loaded.application, running.desired, running.loaded.application, "then");
  EXPECT_THAT(next.desired.selected, ElementsAre("catalog", "db", "mail"));
  EXPECT_THAT(next.desired.held, IsEmpty());
}

TEST(Selection, KeepsWhatWasHeldOrWentBack) {
  Read running = read("info");
  running.desired.held = {{"mail", "earlier"}};
  running.desired.pinned = {{"web", "well"}};
  Read next = read("debug", {"catalog", "db"});
  leave_others(next.desired, next.loaded.application, running.desired, running.loaded.application, "then");
  EXPECT_THAT(next.desired.held, ElementsAre(Pair("mail", "earlier")));
  EXPECT_THAT(next.desired.pinned, ElementsAre(Pair("web", "well")));
}

TEST(Selection, IsWrittenDown) {
  Desired desired = read("info", {"mail"}).desired;
  desired.held = {{"web", "then"}};
  desired.sources = {{"mail", "abc"}};
  EXPECT_EQ(desired_from_json(to_json(desired)), desired);
}

}  // namespace
}  // namespace bulkhead::control
