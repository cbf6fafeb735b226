#include "control/places.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : std::string(value);
}

// One directory of ours: made if missing, then owned by `uid`, with exactly `mode`.
Result<> own_directory(const std::string& path, unsigned mode, unsigned uid) {
  if (auto made = make_directories(path, 0711); !made) return made;
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return os_fail("stat " + path);
  if (!S_ISDIR(info.st_mode)) return fail(Cause::conflict, "{} is in the way: it is not a directory", path);
  if (info.st_uid != ::geteuid() && info.st_uid != uid)
    return fail(Cause::denied, "{} belongs to uid {}, not to you (uid {}); remove it or set BULKHEAD_DIR", path,
                info.st_uid, ::geteuid());
  if (info.st_uid != uid && ::lchown(path.c_str(), uid, uid) != 0) return os_fail("chown " + path);
  if (::chmod(path.c_str(), mode) != 0) return os_fail("chmod " + path);
  return {};
}

// Files that are made in it are readable for the group, which is that of the platform's processes: the collector reads
// what services wrote; the others are confined to what is theirs.
Result<> share_for_reading(const std::string& path, unsigned group) {
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), group) != 0) return os_fail("chgrp " + path);
  if (::chmod(path.c_str(), 02750) != 0) return os_fail("chmod " + path);
  return {};
}

std::vector<gid_t> own_groups() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, count)));
  groups.push_back(::getegid());
  return groups;
}

}  // namespace

Result<> check_passage(const std::string& path, std::string_view who) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    struct stat info{};
    if (::stat(part.c_str(), &info) == 0 && (info.st_mode & S_IXOTH) == 0)
      return fail(Cause::denied, "{} can not be entered by {}; chmod o+x {} or set BULKHEAD_DIR to another place", part,
                  who, part);
  }
  return {};
}

Places places_to_reach(const std::string& app) {
  Places own = places_of(app);
  if (::geteuid() == 0 || !environment("BULKHEAD_DIR").empty() || ::access(own.run.c_str(), F_OK) == 0) return own;
  Places roots{"/var/lib/bulkhead/" + app, "/run/bulkhead/" + app};
  return socket_to_reach(roots).empty() ? own : roots;
}

std::string socket_to_reach(const Places& places) {
  if (::access(places.control_socket().c_str(), W_OK) == 0) return places.control_socket();
  for (const gid_t group : own_groups())
    if (std::string socket = places.operators_socket(group); ::access(socket.c_str(), W_OK) == 0) return socket;
  return {};
}

Result<> make_operators_place(const Places& places, unsigned group) {
  const std::string path = places.operators_of(group);
  for (const std::string& directory : {places.operators(), path})
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return os_fail("mkdir " + directory);
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), group) != 0) return os_fail("give " + path + " to the group");
  if (::chmod(path.c_str(), 0710) != 0) return os_fail("chmod " + path);
  for (const std::string& directory : {places.operators(), places.run})
    if (::chmod(directory.c_str(), 0711) != 0) return os_fail("chmod " + directory);
  return check_passage(places.run, "the members of other groups");
}

std::string state_base() {
  if (const std::string under = environment("BULKHEAD_DIR"); !under.empty()) return under + "/state";
  if (::geteuid() == 0) return "/var/lib/bulkhead";
  const std::string given = environment("XDG_STATE_HOME");
  return (given.empty() ? environment("HOME") + "/.local/state" : given) + "/bulkhead";
}

std::string run_base() {
  if (const std::string under = environment("BULKHEAD_DIR"); !under.empty()) return under + "/run";
  if (::geteuid() == 0) return "/run/bulkhead";
  const std::string given = environment("XDG_RUNTIME_DIR");
  if (!given.empty() && ::access(given.c_str(), W_OK) == 0) return given + "/bulkhead";
  return "/tmp/bulkhead-" + std::to_string(::geteuid());
}

std::string cache_base() {
  if (const std::string under = environment("BULKHEAD_DIR"); !under.empty()) return under + "/cache";
  if (::geteuid() == 0) return "/var/cache/bulkhead";
  const std::string given = environment("XDG_CACHE_HOME");
  return (given.empty() ? environment("HOME") + "/.cache" : given) + "/bulkhead";
}

Places places_of(const std::string& app) { return {state_base() + "/" + app, run_base() + "/" + app}; }

Result<> make_places(const Places& places, unsigned platform_uid) {
  const unsigned self = ::geteuid();
  const bool shared = self != platform_uid;  // sidecars run under another uid and pass through
  const unsigned passed = shared ? 0711 : 0700;
  struct Wanted {
    std::string path;
    unsigned mode;
    unsigned uid;
  };
  const Wanted wanted[] = {
      {places.state, passed, self},
      {places.run, passed, self},
      {places.ca(), 0700, self},
      {places.logs(), 0700, self},
      {places.telemetry(), 0700, platform_uid},
      {places.state + "/volumes", passed, self},
      {places.state + "/records", 0700, platform_uid},
      {places.doors(), 0700, platform_uid},
  };
  for (const Wanted& each : wanted)
    if (auto owned = own_directory(each.path, each.mode, each.uid); !owned) return owned;
  if (shared)
    if (auto given = share_for_reading(places.logs(), platform_uid); !given) return given;
  if (shared)
    for (const std::string& path : {places.state, places.run})
      if (auto open = check_passage(path, "the uid of the sidecars, which keep their files below it"); !open)
        return open;
  return {};
}

}  // namespace bulkhead::control
