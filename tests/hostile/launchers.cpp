#include "launchers.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "compartments/uids.hpp"

namespace bulkhead::hostile {
namespace {

constexpr const char* kUser = "bulkhead-test";

// Tests run side by side: one makes the user, the others wait for it.
const passwd* test_user() {
  const Fd lock(open("/tmp/bulkhead-test-user.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  flock(lock.get(), LOCK_EX);
  if (getpwnam(kUser) == nullptr) {
    const std::string command =
        std::string("useradd --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ") + kUser;
    if (std::system(command.c_str()) != 0) return nullptr;
  }
  return getpwnam(kUser);
}

bool has_subordinate_ids(const std::string& user, uid_t uid) {
  for (const char* path : {"/etc/subuid", "/etc/subgid"}) {
    const auto text = read_file(path);
    if (!text) return false;
    const auto ranges = compartments::parse_subordinate(*text, user, uid);
    if (!ranges || ranges->empty()) return false;
  }
  return access("/usr/bin/newuidmap", X_OK) == 0;
}

}  // namespace

std::vector<std::string> launcher_names() { return {"Root", "User", "SingleId"}; }

std::optional<Launcher> find_launcher(const std::string& name, std::string& why) {
  using compartments::IdMapping;
  const bool root = geteuid() == 0;
  if (name == "Root") {
    if (root) return Launcher{name, IdMapping::direct, {}};
    why = "the test doesn't run as root";
    return std::nullopt;
  }
  const passwd* user = root ? test_user() : getpwuid(geteuid());
  if (user == nullptr) {
    why = "there is no ordinary user";
    return std::nullopt;
  }
  std::optional<std::pair<uid_t, gid_t>> other;
  if (root) other = {user->pw_uid, user->pw_gid};
  if (name == "SingleId") return Launcher{name, IdMapping::single, other};
  if (has_subordinate_ids(user->pw_name, user->pw_uid)) return Launcher{name, IdMapping::helper, other};
  why = "the user has no subordinate ids";
  return std::nullopt;
}

int remove_test_user() {
  if (geteuid() != 0 || getpwnam(kUser) == nullptr) return 0;
  return std::system((std::string("userdel ") + kUser).c_str()) == 0 ? 0 : 1;
}

}  // namespace bulkhead::hostile
