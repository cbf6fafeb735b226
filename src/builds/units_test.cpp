#include "builds/units.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

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

class FilesOf : public testing::Test {
 protected:
  FilesOf() {
    std::string name = "/tmp/bulkhead-units-XXXXXX";
    top = ::mkdtemp(name.data());
    for (const char* directory : {"shop", "api", "lib"}) std::filesystem::create_directory(top / directory);
    for (const char* file : {"app.py", "shop/main.py", "run.sh"}) std::ofstream(top / file) << "";
  }
  ~FilesOf() override { std::filesystem::remove_all(top); }

  std::optional<Scope> of(const std::string& service) const {
    const auto parsed = manifest::parse("app: test\nservices:\n  web: " + service +
                                        "\n  api: {command: [./api], dir: api}\n"
                                        "  lib: {command: [./lib], build: {command: make, dir: lib}}\n");
    EXPECT_TRUE(parsed.application) << manifest::render(parsed.mistakes);
    return files_of(*parsed.application, *parsed.application->service("web"), top.string());
  }

  std::filesystem::path top;
};

TEST_F(FilesOf, AreThoseOfTheDirectoryWithoutWhatIsAnothers) {
  const auto web = of("{command: [python3, app.py]}");
  ASSERT_TRUE(web);
  EXPECT_EQ(web->dir, top.string());
  EXPECT_THAT(web->apart, ElementsAre((top / "api").string(), (top / "lib").string()));
}

TEST_F(FilesOf, AreNoneWhereTheCommandNamesNoneOfTheManifestsDirectory) {
  for (const char* command : {"[python3, -m, shop.main]", "[gunicorn, 'shop.main:app']", "[./run.sh]", "[node, .]",
                              "[/bin/sh, -c, 'exec python3 app.py']"})
    EXPECT_TRUE(of(std::string("{command: ") + command + "}")) << command;
  for (const char* command :
       {"[/usr/bin/redis-server, --port, '6379']", "[/bin/sh, -c, 'exec sleep 5']", "[/usr/bin/x]"})
    EXPECT_FALSE(of(std::string("{command: ") + command + "}")) << command;
  EXPECT_TRUE(of("{command: [/usr/bin/x], dir: shop}")) << "a directory of its own";
}

TEST(Units, AnImageBringsNoFiles) {
  const auto all = units("  web: {image: \"oci:out\", build: {command: make, dir: web}}\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_THAT(all[0].programs, IsEmpty());
  EXPECT_EQ(all[0].scope.dir, "/srv/shop/web");
}

}  // namespace
}  // namespace bulkhead::builds
