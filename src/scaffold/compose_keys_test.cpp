// The Compose specification's keys as its schema has them, and what the reader makes of each.

#include "scaffold/compose_keys.hpp"

#include <array>

#include "scaffold/fixture.hpp"

namespace bulkhead::scaffold {
namespace {

struct Specified {
  ComposePart part;
  std::string_view keys;
};

// github.com/compose-spec/compose-spec, schema/compose-spec.json; `net` and `volume_driver` are of older versions.
constexpr Specified kSpecified[] = {
    {ComposePart::file, "version name include services models networks volumes secrets configs"},
    {ComposePart::service,
     "annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name "
     "cpu_count "
     "cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on "
     "deploy "
     "develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose "
     "extends "
     "external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels links "
     "logging "
     "mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks oom_kill_disable "
     "oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles provider pull_policy "
     "read_only restart "
     "runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs "
     "tty ulimits "
     "use_api_socket user userns_mode uts volumes volumes_from working_dir net volume_driver driver_opts"},
    {ComposePart::build,
     "additional_contexts args cache_from cache_to context dockerfile dockerfile_inline entitlements extra_hosts "
     "isolation labels "
     "network no_cache no_cache_filter platforms privileged provenance pull sbom secrets shm_size ssh tags target "
     "ulimits"},
    {ComposePart::deploy,
     "endpoint_mode labels mode placement replicas resources restart_policy rollback_config update_config"},
    {ComposePart::resources, "limits reservations"},
    {ComposePart::limits, "cpus memory pids devices generic_resources"},
    {ComposePart::reservations, "cpus memory devices generic_resources"},
    {ComposePart::healthcheck, "disable interval retries start_interval start_period test timeout"},
    {ComposePart::dependency, "condition required restart"},
    {ComposePart::network,
     "aliases driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips mac_address priority"},
    {ComposePart::port, "app_protocol host_ip mode name protocol published target"},
    {ComposePart::volume, "bind consistency image read_only source target tmpfs type volume"},
    {ComposePart::config, "gid mode source target uid"},
    {ComposePart::config_source, "content driver driver_opts environment external file labels name template_driver"},
    {ComposePart::secret, "gid mode source target uid"},
    {ComposePart::secret_source, "content driver driver_opts environment external file labels name template_driver"},
};

TEST(ComposeKeys, every_key_of_the_specification_is_converted_or_has_its_reason_and_there_is_no_other) {
  for (const Specified& specified : kSpecified) {
    std::vector<std::string> wanted = split(specified.keys, " ");
    std::vector<std::string> known;
    for (const ComposeKey& key : compose_keys(specified.part)) known.emplace_back(key.name);
    std::ranges::sort(wanted);
    std::ranges::sort(known);
    EXPECT_EQ(known, wanted) << static_cast<int>(specified.part);
  }
}

const std::vector<std::pair<std::string, std::string>> kFiles = {
    {"web/Dockerfile", "FROM python:3\nCMD python a.py\nFROM python:3 AS other\nCMD python b.py\n"},
    {"web/Other", "FROM python:3\nCMD python c.py\n"},
    {"web/a.py", ""},
    {"web.env", "A=1\n"},
    {"file.txt", ""},
};

std::string rendered(const Plan& plan, const std::string& manifest) {
  std::string text = manifest;
  for (const LeftOut& each : plan.left_out) text += fmt::format("{} {} {}\n", each.service, each.key, each.why);
  for (const Edit& each : plan.edits)
    text += fmt::format("{} {} {} {}\n", each.service, each.text, each.run, each.write);
  return text;
}

// A value for each converted key of a service.
constexpr std::array<std::pair<std::string_view, std::string_view>, 27> kValues{{
    {"build", "./web"},
    {"command", "[python, z.py]"},
    {"configs", "[text]"},
    {"container_name", "other-name"},
    {"cpus", "2"},
    {"depends_on", "[peer]"},
    {"deploy", "{replicas: 2}"},
    {"entrypoint", "[python, y.py]"},
    {"env_file", "web.env"},
    {"environment", "{X: y}"},
    {"expose", "[1234]"},
    {"healthcheck", "{test: 'curl http://localhost/x'}"},
    {"hostname", "host-name"},
    {"image", "redis"},
    {"labels", "{a: b}"},
    {"links", "['peer:friend']"},
    {"mem_limit", "64m"},
    {"networks", "{default: {priority: 1}}"},
    {"pids_limit", "10"},
    {"ports", "['8000:80']"},
    {"profiles", "[x]"},
    {"scale", "2"},
    {"secrets", "[text]"},
    {"stop_grace_period", "3s"},
    {"ulimits", "{nofile: 100}"},
    {"volumes", "['./file.txt:/f']"},
    {"working_dir", "/elsewhere"},
}};

std::string with_key(std::string_view key, std::string_view value) {
  std::vector<std::pair<std::string, std::string>> keys{
      {"image", "python:3"}, {"command", "python /elsewhere/a.py"}, {"expose", "[80]"}, {"volumes", "['.:/app']"}};
  std::erase_if(keys,
                [&](const auto& each) { return each.first == key || (key == "build" && each.first == "command"); });
  if (!key.empty()) keys.emplace_back(key, value);
  std::string text = "services:\n  peer: {image: redis}\n  web:\n";
  for (const auto& [name, written] : keys) text += fmt::format("    {}: {}\n", name, written);
  return text + "secrets: {text: {file: ./file.txt}}\nconfigs: {text: {file: ./file.txt}}\n";
}

TEST(ComposeKeys, a_converted_key_of_a_service_makes_a_difference) {
  Converted without = convert(with_key("", ""), kFiles);
  for (const ComposeKey& key : compose_keys(ComposePart::service)) {
    auto value = std::ranges::find(kValues, key.name, &std::pair<std::string_view, std::string_view>::first);
    ASSERT_EQ(value != kValues.end(), key.why.empty()) << key.name;
    if (!key.why.empty()) continue;
    Converted with = convert(with_key(key.name, value->second), kFiles);
    EXPECT_NE(rendered(with.plan, with.manifest), rendered(without.plan, without.manifest)) << key.name;
  }
}

TEST(ComposeKeys, a_key_that_is_left_out_is_listed_with_service_line_and_reason) {
  for (const ComposeKey& key : compose_keys(ComposePart::service)) {
    if (key.why.empty()) continue;
    Converted got = convert(fmt::format("services:\n  web:\n    image: redis\n    {}: [x]\n", key.name), kFiles);
    auto found = std::ranges::find(got.plan.left_out, key.name, &LeftOut::key);
    ASSERT_NE(found, got.plan.left_out.end()) << key.name;
    EXPECT_EQ(found->service, "web");
    EXPECT_EQ(found->line, 4);
    EXPECT_EQ(found->why, key.why);
  }
}

TEST(ComposeKeys, a_key_that_no_version_has_is_listed_and_one_of_a_person_is_not) {
  Converted got = convert("x-mine: 1\nservices: {web: {image: redis, imagee: x, x-note: y}}\n");
  EXPECT_EQ(got.left_out("web", "imagee"), "no key of the Compose specification");
  EXPECT_EQ(got.left_out("web", "x-note"), "");
  EXPECT_EQ(got.left_out("", "x-mine"), "");
}

TEST(ComposeKeys, parts_of_keys_are_listed_too) {
  Converted got = convert(R"(
services:
  web:
    build: {context: ./web, args: {A: 1}, target: other}
    healthcheck: {test: x, start_interval: 1s}
    deploy: {mode: global, resources: {reservations: {memory: 1g}, limits: {devices: []}}}
    ports: [{target: 80, published: "8000", mode: host}]
    volumes: [{type: bind, source: ./file.txt, target: /f, bind: {propagation: shared}}]
    secrets: [{source: text, uid: "103"}]
    networks: {n: {ipv4_address: 10.0.0.1, aliases: [w]}}
secrets: {text: {file: ./file.txt, name: x}}
)",
                          kFiles);
  for (std::string_view key :
       {"build.args", "healthcheck.start_interval", "deploy.mode", "deploy.resources.reservations.memory",
        "deploy.resources.limits.devices", "ports.mode", "volumes.bind", "secrets.uid", "networks.n.ipv4_address"})
    EXPECT_NE(got.left_out("web", key), "") << key;
  EXPECT_NE(got.left_out("", "secrets.text.name"), "");
  EXPECT_EQ(command_of(got.service("web")), "/usr/bin/python3 b.py");
}

}  // namespace
}  // namespace bulkhead::scaffold
