#include "compartments/root_plan.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include <sys/stat.h>

#include "net/instance_link.hpp"

namespace bulkhead::compartments {
namespace {

namespace fs = std::filesystem;

// Public configuration that interpreters, TLS clients and the dynamic linker read. Nothing here can hold a secret.
constexpr std::array<std::string_view, 20> kPublicEtc = {
    "/etc/ld.so.cache",     "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives",   "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf", "/etc/mime.types", "/etc/services",     "/etc/protocols",      "/etc/rpc",
    "/etc/localtime",       "/etc/timezone",   "/etc/os-release",   "/etc/debian_version", "/etc/gai.conf",
    "/etc/ca-certificates", "/etc/fonts",      "/etc/python3",      "/etc/magic",          "/etc/pki/tls/certs"};

constexpr std::array<std::string_view, 5> kSystemLinks = {"/bin", "/sbin", "/lib", "/lib64", "/lib32"};
constexpr std::array<std::string_view, 6> kDevices = {"null", "zero", "full", "random", "urandom", "tty"};
// Never taken from a rootfs: ours are on top of it.
const std::set<std::string, std::less<>> kOurs = {"/proc", "/sys",  "/dev", "/tmp", "/run",
                                                  "/app",  "/data", "/var", "/etc"};

void add_as_it_is(RootPlan& plan, const std::string& source, const std::string& target) {
  std::error_code none;
  const auto status = fs::symlink_status(source, none);
  if (fs::is_symlink(status)) {
    const auto content = fs::read_symlink(source, none);
    if (!none) plan.links.push_back({target, content.string()});
  } else if (fs::is_directory(status) || fs::is_regular_file(status)) {
    plan.binds.push_back({source, target});
  }
}

std::string hosts_file(const Compartment& compartment) {
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  if (!compartment.hostname.empty()) text += std::string(net::kOwnAddress) + ' ' + compartment.hostname + '\n';
  for (const auto& host : compartment.hosts) {
    text += host.address;
    for (const auto& name : host.names) text += ' ' + name;
    text += '\n';
  }
  return text;
}

void add_generated_etc(RootPlan& plan, const Compartment& compartment) {
  const std::string& user = compartment.user;
  plan.files.push_back({"/etc/passwd", fmt::format("root:x:0:0:root:/:/usr/sbin/nologin\n"
                                                   "{0}:x:1000:1000:{0}:/data:/bin/sh\n"
                                                   "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
                                                   user)});
  plan.files.push_back({"/etc/group", fmt::format("root:x:0:\n{}:x:1000:\nnogroup:x:65534:\n", user)});
  plan.files.push_back({"/etc/hostname", compartment.hostname + '\n'});
  plan.files.push_back({"/etc/hosts", hosts_file(compartment)});
  plan.files.push_back(
      {"/etc/resolv.conf", "nameserver " + std::string(net::kDnsAddress) + "\noptions timeout:2 attempts:2\n"});
  plan.files.push_back({"/etc/nsswitch.conf",
                        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
                        "services: files\nprotocols: files\nrpc: files\n"});
}

void add_host_system(RootPlan& plan) {
  plan.binds.push_back({"/usr", "/usr"});
  for (const auto link : kSystemLinks) add_as_it_is(plan, std::string(link), std::string(link));
  for (const auto path : kPublicEtc) add_as_it_is(plan, std::string(path), std::string(path));
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/etc", none)) {
    const std::string name = entry.path().filename().string();
    // A Java runtime doesn't start without its security properties.
    if (name.starts_with("java-")) add_as_it_is(plan, entry.path().string(), "/etc/" + name);
  }
}

void add_rootfs(RootPlan& plan, const Compartment& compartment) {
  const std::string& rootfs = compartment.rootfs;
  std::error_code none;
  std::set<std::string, std::less<>> generated;
  for (const auto& file : plan.files) generated.insert(file.path);
  for (const auto& entry : fs::directory_iterator(rootfs, none)) {
    const std::string target = "/" + entry.path().filename().string();
    const bool its_app = target == kServiceDirectory && compartment.directory.empty() && entry.is_directory(none);
    if (its_app || !kOurs.contains(target)) add_as_it_is(plan, entry.path().string(), target);
  }
  for (const auto& entry : fs::directory_iterator(fs::path(rootfs) / "etc", none)) {
    const std::string target = "/etc/" + entry.path().filename().string();
    if (!generated.contains(target)) add_as_it_is(plan, entry.path().string(), target);
  }
  for (const auto& entry : fs::directory_iterator(fs::path(rootfs) / "var", none)) {
    const std::string name = entry.path().filename().string();
    if (name != "tmp" && name != "run") add_as_it_is(plan, entry.path().string(), "/var/" + name);
  }
}

}  // namespace

RootPlan plan_root(const Compartment& compartment) {
  RootPlan plan;
  plan.directories = {"/proc", "/dev", "/dev/pts", "/dev/shm", "/tmp", "/run", "/var", "/etc", "/sys", "/app", "/data"};
  plan.links = {{"/dev/fd", "/proc/self/fd"},
                {"/dev/stdin", "/proc/self/fd/0"},
                {"/dev/stdout", "/proc/self/fd/1"},
                {"/dev/stderr", "/proc/self/fd/2"},
                {"/dev/ptmx", "pts/ptmx"},
                {"/var/tmp", "/tmp"},
                {"/var/run", "/run"},
                {"/etc/mtab", "/proc/self/mounts"}};
  add_generated_etc(plan, compartment);
  if (compartment.rootfs.empty()) {
    add_host_system(plan);
  } else {
    add_rootfs(plan, compartment);
  }
  for (const auto device : kDevices) {
    const std::string path = "/dev/" + std::string(device);
    plan.binds.push_back({path, path, true, true});
  }
  if (!compartment.directory.empty()) {
    plan.binds.push_back({compartment.directory, std::string(kServiceDirectory)});
  }
  if (!compartment.data.empty()) plan.binds.push_back({compartment.data, std::string(kDataDirectory), true});
  for (const auto& mount : compartment.mounts) plan.binds.push_back({mount.source, mount.target, mount.writable});
  return plan;
}

}  // namespace bulkhead::compartments
