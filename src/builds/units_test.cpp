#include "builds/units.hpp"

#include <gmock/gmock.h>

#include "manifest/parse.hpp"

namespace bulkhead::builds {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<Unit> units(const std::string& services, const std::set<std::string>& wanted = {}) {
  const auto parsed = manifest::parse("app: test\nservices:\n" + services);
  EXPECT_TRUE(parsed.application) << manifest::render(parsed.mistakes);
  return units_of(*parsed.application, "/srv/shop",
                  [&](const std::string& name) { return wanted.empty() || wanted.contains(name); });
}

TEST(Units, BuildWhatSeveralServicesShareOnce) {
  const auto all = units(
      "  web: {command: [./out/web], dir: app, build: make}\n"
      "  worker: {command: [./out/worker, -v], dir: app, build: make}\n"
      "  other: {command: [./other], dir: app, build: make other}\n"
      "  plain: {command: [./plain]}\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_THAT(all[0].services, ElementsAre("web", "worker"));
  EXPECT_EQ(all[0].name(), "web and worker");
  EXPECT_EQ(all[0].scope.dir, "/srv/shop/app");
  EXPECT_THAT(all[0].commands, ElementsAre(ElementsAre("/bin/sh", "-ec", "make")));
  EXPECT_THAT(all[0].programs,
              UnorderedElementsAre("/srv/shop/app/out/web", "/srv/shop/app/out/worker", "/srv/shop/app/-v"));
  EXPECT_THAT(all[0].run_from, IsEmpty());
}

TEST(Units, ServicesThatWereNotNamedAreNotBuilt) {
  const auto all =
      units("  web: {command: [./web], build: make}\n  api: {command: [./api], build: make api}\n", {"api"});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_THAT(all[0].services, ElementsAre("api"));
}

TEST(Units, KnowWhatAServiceRunsFromBesidesItsInputs) {
  const auto all = units(
      "  web: {command: [./web], dir: services/web, build: {command: make web, dir: ., inputs: [src, services/web]}}\n"
      "  api: {command: [./api], dir: api, build: {command: make, dir: ../lib}}\n");
  ASSERT_EQ(all.size(), 2U);
  ASSERT_EQ(all[0].run_from.size(), 1U);
  EXPECT_EQ(all[0].scope.dir, "/srv/shop");
  EXPECT_EQ(all[0].run_from[0].below, "/srv/shop/services/web");
  EXPECT_EQ(all[1].scope.dir, "/srv/lib");
  EXPECT_EQ(all[1].run_from[0].below, "/srv/shop/api");
}

TEST(Units, AServiceWithoutABuildRunsFromItsOwnFiles) {
  const auto parsed = manifest::parse(
      "app: test\nservices:\n  web: {command: [./web]}\n  api: {command: [./api], dir: api}\n"
      "  lib: {command: [./lib], build: {command: make, dir: lib}}\n");
  ASSERT_TRUE(parsed.application);
  const auto web = files_of(*parsed.application, *parsed.application->service("web"), "/srv/shop");
  ASSERT_TRUE(web);
  EXPECT_EQ(web->dir, "/srv/shop");
  EXPECT_THAT(web->apart, ElementsAre("/srv/shop/api", "/srv/shop/lib"));
}

TEST(Units, AnImageBringsNoFiles) {
  const auto all = units("  web: {image: \"oci:out\", build: {command: make, dir: web}}\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_THAT(all[0].programs, IsEmpty());
  EXPECT_EQ(all[0].scope.dir, "/srv/shop/web");
}

}  // namespace
}  // namespace bulkhead::builds
