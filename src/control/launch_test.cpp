#include "control/launch.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "control/desired.hpp"
#include "control/runtime.hpp"

namespace bulkhead::control {
namespace {

std::string manifest_with(const std::string& calls, const std::string& value) {
  return "app: pair\nservices:\n  a:\n    dir: ./a\n    command: [/usr/bin/true]\n    port: 80\n    environment: {X: " +
         value + "}\n    calls: {b: " + calls + "}\n  b:\n    command: [/usr/bin/true]\n    port: 80\n";
}

Loaded loaded(const std::string& text) {
  Desired desired;
  desired.file = "bulkhead.yaml";
  desired.text = text;
  auto result = load(desired);
  EXPECT_TRUE(result) << (result ? "" : manifest::render(result.error().mistakes));
  return result ? std::move(*result) : Loaded{};
}

Launcher launcher() { return {{"/state", "/run"}, "/usr/bin/bulkhead", "/home/me/app", 1000, false}; }

std::string revision(const std::string& text, const std::string& service) {
  const Loaded application = loaded(text);
  for (const Goal& goal : goals_of(launcher(), application.application, application.model, {}))
    if (goal.service == service) return goal.revision;
  return {};
}

TEST(Revision, ChangesWithWhatTheInstanceIsMadeOfAndNotWithPolicy) {
  const std::string base = manifest_with("[GET /x]", "one");
  EXPECT_EQ(revision(base, "a"), revision(manifest_with("[GET /x, POST /y]", "one"), "a"));
  EXPECT_NE(revision(base, "a"), revision(manifest_with("[GET /x]", "two"), "a"));
  EXPECT_EQ(revision(base, "b"), revision(manifest_with("[GET /x]", "two"), "b"));
}

TEST(Revision, ChangesWithTheContentOfASecretUnlessTheProgramIsTold) {
  const std::string text =
      "app: a\nsecrets: {s: {file: ./s}}\nservices:\n"
      "  replaced: {command: [./a], secrets: [s]}\n  told: {command: [./a], secrets: [{source: s, signal: HUP}]}\n"
      "  once: {type: job, command: [./a], secrets: [{source: s, env: S}]}\n";
  const Loaded application = loaded(text);
  const std::string key = content_key(application.application.secrets.front(), "/home/me/app");
  const auto revisions = [&](const std::string& digest) {
    SecretContents contents;
    contents[key].files = {{"", "hunter2hunter2"}};
    contents[key].digest = digest;
    std::map<std::string, std::string> all;
    for (const Goal& goal : goals_of(launcher(), application.application, application.model, contents))
      all[goal.service] = goal.revision;
    return all;
  };
  auto before = revisions("one");
  auto after = revisions("two");
  EXPECT_NE(before["replaced"], after["replaced"]);
  EXPECT_EQ(before["told"], after["told"]);
  EXPECT_EQ(before["once"], after["once"]);  // a job that is done is not run again for it
}

TEST(Goals, ACallerNeedsWhatItCalls) {
  const Loaded application = loaded(manifest_with("[GET /x]", "one"));
  const auto goals = goals_of(launcher(), application.application, application.model, {});
  const auto a = std::ranges::find(goals, "a", &Goal::service);
  ASSERT_EQ(a->needs.size(), 1U);
  EXPECT_EQ(a->needs[0].service, "b");
  EXPECT_TRUE(a->needs[0].patient);
}

TEST(Goals, WhatNobodyCanAskIsWatchedForAMoment) {
  const Loaded application = loaded(
      "app: a\nservices:\n  asked: {command: [./a], port: 80}\n  worker: {command: [./b]}\n"
      "  bounded: {command: [./c], port: 80, update: {canary: 10%}}\n");
  std::map<std::string, Millis> watched;
  for (const Goal& goal : goals_of(launcher(), application.application, application.model, {}))
    watched[goal.service] = goal.update.watch;
  EXPECT_EQ(watched["asked"], Millis(0));
  EXPECT_EQ(watched["worker"], Millis(1'000));
  EXPECT_EQ(watched["bounded"], Millis(30'000));
}

TEST(Goals, NobodyWaitsForWhatIsOnlyLearned) {
  const std::string text =
      "app: a\n@services:\n  a: {command: [./a], port: 80, calls: [b]}\n"
      "  b: {command: [./b], port: 80}\n  c: {command: [./c], port: 80}\n";
  const auto with_mode = [&](const std::string& mode) { return std::string(text).replace(text.find('@'), 1, mode); };
  const Loaded learning = loaded(with_mode("mode: learn\n"));
  std::map<std::string, std::size_t> needs;
  for (const Goal& goal : goals_of(launcher(), learning.application, learning.model, {}))
    needs[goal.service] = goal.needs.size();
  EXPECT_EQ(needs, (std::map<std::string, std::size_t>{{"a", 1}, {"b", 0}, {"c", 0}}));
  const std::vector<compartments::Door> doors = doors_of(learning.model, "c");
  EXPECT_EQ(std::ranges::count_if(doors, [](const auto& door) { return door.port == 80; }), 2);
  for (const char* service : {"a", "b", "c"})
    EXPECT_EQ(revision(with_mode("mode: learn\n"), service), revision(with_mode(""), service)) << service;
}

TEST(SidecarSpec, TellsTheKeeperOfTheServicesWholeWorld) {
  const Loaded application = loaded(manifest_with("[GET /x]", "one"));
  const auto spec = sidecar_spec(launcher(), application.application, application.model,
                                 *application.application.service("a"), "a-1", {});
  const auto& compartment = *spec.compartment;
  EXPECT_EQ(compartment.directory, "/home/me/app/a");
  EXPECT_EQ(compartment.data, "/state/volumes/a");
  EXPECT_EQ(compartment.environment.at("PORT"), "80");
  EXPECT_EQ(compartment.environment.at("X"), "one");
  ASSERT_EQ(compartment.hosts.size(), 1U);
  EXPECT_EQ(compartment.hosts[0].names.at(0), "b");
  EXPECT_EQ(compartment.doors.at(0).address, compartment.hosts[0].address);
  const auto read = compartments::parse_spec(compartments::to_json(spec));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, spec);
}

TEST(SidecarSpec, LeadsTheCustomaryPortsOfOtlpToTheCollectorUnlessTheyAreTaken) {
  const Loaded application = loaded(
      "app: a\nservices:\n  a: {command: [./a], port: 80, calls: {b: {at: 'localhost:4318'}}}\n"
      "  b: {command: [./b], port: 4317}\n  c: {command: [./c]}\n");
  const auto ports = [&](const char* service) {
    std::multiset<std::string> all;
    for (const compartments::Door& door : doors_of(application.model, service))
      if (door.port == 4317 || door.port == 4318) all.insert(fmt::format("{} {}", door.address, door.port));
    return all;
  };
  EXPECT_EQ(ports("c"), (std::multiset<std::string>{"127.0.0.1 4317", "::1 4317", "127.0.0.1 4318", "::1 4318"}));
  EXPECT_EQ(ports("b"), (std::multiset<std::string>{"127.0.0.1 4318", "::1 4318"})) << "it listens on the other";
  std::multiset<std::string> of_a = ports("a");
  EXPECT_EQ(of_a.count("127.0.0.1 4318"), 1U) << "the declared call's";
  EXPECT_EQ(of_a.count("127.0.0.1 4317"), 1U);
}

TEST(SidecarSpec, WhatWasBegunMayTakeTheWholeGracePeriod) {
  const Loaded application = loaded("app: a\nservices:\n  a: {command: [./a], port: 80, stop_grace: 30s}\n");
  const auto spec = sidecar_spec(launcher(), application.application, application.model,
                                 *application.application.service("a"), "a-1", {});
  EXPECT_EQ(spec.drain_ms, 30'000U);
  EXPECT_EQ(spec.grace_ms, 30'000U);
}

Desired with_image(const std::string& more) {
  Desired desired;
  desired.file = "bulkhead.yaml";
  desired.text = "app: pictures\nservices:\n  a: {image: \"oci:./x\", port: 80" + more + "}\n";
  desired.images = {{"oci:./x", {"/images/x", {"/bin/x", "y"}, {{"A", "image"}, {"B", "image"}}, "/srv", "www"}}};
  return desired;
}

compartments::Compartment compartment_of(const Desired& desired) {
  const auto loaded = load(desired);
  EXPECT_TRUE(loaded) << (loaded ? "" : manifest::render(loaded.error().mistakes));
  return *sidecar_spec(launcher(), loaded->application, loaded->model, loaded->application.services.at(0), "a-1", {})
              .compartment;
}

TEST(SidecarSpec, AnImageGivesWhatTheManifestDoesNotSay) {
  const auto plain = compartment_of(with_image(""));
  EXPECT_EQ(plain.rootfs, "/images/x");
  EXPECT_EQ(plain.command, (std::vector<std::string>{"/bin/x", "y"}));
  EXPECT_EQ(plain.start_in, "/srv");
  EXPECT_EQ(plain.user, "www");
  EXPECT_EQ(plain.directory, "");
  EXPECT_EQ(plain.environment.at("A"), "image");

  const auto said = compartment_of(with_image(", command: [./mine], dir: ./here, environment: {A: manifest}"));
  EXPECT_EQ(said.rootfs, "/images/x");
  EXPECT_EQ(said.command, std::vector<std::string>{"./mine"});
  EXPECT_EQ(said.start_in, "/app");
  EXPECT_EQ(said.directory, "/home/me/app/here");
  EXPECT_EQ(said.environment.at("A"), "manifest");
  EXPECT_EQ(said.environment.at("B"), "image");
}

TEST(Revision, ChangesWithTheImage) {
  const auto revision_of = [](const Desired& desired) {
    const auto loaded = load(desired);
    return goals_of(launcher(), loaded->application, loaded->model, {}).at(0).revision;
  };
  Desired other = with_image("");
  other.images.begin()->second.root = "/images/y";
  EXPECT_NE(revision_of(with_image("")), revision_of(other));
}

TEST(GroupName, DiffersForTheSameApplicationInAnotherPlace) {
  Launcher other = launcher();
  other.places.run = "/run2";
  EXPECT_NE(group_name(launcher(), "pair", "a-1"), group_name(other, "pair", "a-1"));
}

TEST(DoorAddress, FitsAUnixSocketsPath) {
  const std::string address =
      door_address({"/state", "/run/user/1000/bulkhead/a-rather-long-application-name"}, "service-1");
  EXPECT_LT(address.size(), 100U);
}

TEST(Records, AreReadBackAsTheyWereWritten) {
  Record record;
  record.slot.id = "a-2";
  record.slot.service = "a";
  record.slot.number = 2;
  record.slot.epoch = 9;
  record.slot.phase = Phase::ready;
  record.slot.revision = "r";
  record.keeper = {123, 456, "boot"};
  record.cgroups = {{"/sys/fs/cgroup/x", 1, {}}};
  const auto read = left_from_json(to_json(Left{"hash", {{"a", "r"}}, {{"file /k", "d"}}, {record}}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->desired, "hash");
  EXPECT_EQ(read->revisions.at("a"), "r");
  ASSERT_EQ(read->records.size(), 1U);
  EXPECT_EQ(read->records.at(0).keeper, record.keeper);
  EXPECT_EQ(read->records.at(0).slot.epoch, 9U);
  EXPECT_EQ(read->records.at(0).slot.phase, Phase::ready);
  EXPECT_EQ(read->records.at(0).cgroups, record.cgroups);
}

TEST(Records, OfABuildThatDidNotWriteEverythingAreRead) {
  const auto read = left_from_json(R"({"instances": []})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->desired, "");
  EXPECT_TRUE(read->revisions.empty());
}

TEST(Records, WhatIsBrokenIsAFault) {
  for (const char* text : {"", "{", "[]", "{\"instances\": 3}", "{\"instances\": [{}]}"})
    EXPECT_FALSE(left_from_json(text)) << text;
}

TEST(Desired, IsReadBackAsItWasWritten) {
  Desired desired;
  desired.file = "x.yaml";
  desired.text = "app: a\n";
  desired.variables = {{"A", "1"}};
  desired.scale = {{"a", 3}};
  desired.images = {{"oci:./x", {"/images/x", {"/bin/x", "y"}, {{"A", "b"}}, "/srv", "x"}}};
  const auto read = desired_from_json(to_json(desired));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, desired);
}

}  // namespace
}  // namespace bulkhead::control
