#include "compartments/secret_files.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "compartments/memory.hpp"

namespace bulkhead::compartments {
namespace {

constexpr const char* kData = "..data";
constexpr const char* kNextData = "..next";

std::string top_of(const std::string& path) { return path.substr(0, path.find('/')); }

std::string version_name(unsigned version) { return ".." + std::to_string(version); }

Result<Fd> open_directory(int at, const std::string& name) {
  Fd directory(openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return os_fail("open a directory of the secrets");
  return directory;
}

Result<> write_file(int at, const SecretFile& secret) {
  const std::size_t slash = secret.path.find('/');
  Fd below;
  if (slash != std::string::npos) {
    const std::string directory = secret.path.substr(0, slash);
    if (mkdirat(at, directory.c_str(), 0755) != 0 && errno != EEXIST) return os_fail("make a directory of the secrets");
    auto opened = open_directory(at, directory);
    if (!opened) return fail(opened.error());
    below = std::move(*opened);
    at = below.get();
  }
  const std::string name = slash == std::string::npos ? secret.path : secret.path.substr(slash + 1);
  const Fd file(openat(at, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  const std::string what = fmt::format("write the secret '{}'", secret.secret);
  if (!file) return os_fail(what);
  const ssize_t written = write(file.get(), secret.content.data(), secret.content.size());
  if (written != static_cast<ssize_t>(secret.content.size())) return os_fail(what, written < 0 ? errno : ENOSPC);
  // First its mode: afterwards it is another's.
  if (fchmod(file.get(), secret.mode) != 0 || fchown(file.get(), kServiceId, kServiceId) != 0)
    return os_fail(fmt::format("give the secret '{}' to the service", secret.secret));
  return {};
}

std::vector<std::string> names_in(int directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(openat(directory, ".", O_RDONLY | O_CLOEXEC)), &closedir);
  if (entries == nullptr) return names;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

// At most two deep.
void remove_tree(int at, const std::string& name) {
  if (unlinkat(at, name.c_str(), 0) == 0) return;
  if (const auto directory = open_directory(at, name))
    for (const std::string& each : names_in(directory->get())) remove_tree(directory->get(), each);
  unlinkat(at, name.c_str(), AT_REMOVEDIR);
}

Result<> write_version(int root, const std::string& name, const std::vector<SecretFile>& files) {
  if (mkdirat(root, name.c_str(), 0755) != 0) return os_fail("make a version of the secrets");
  const auto directory = open_directory(root, name);
  if (!directory) return fail(directory.error());
  for (const SecretFile& file : files)
    if (const auto written = write_file(directory->get(), file); !written) return written;
  return {};
}

Result<> point_at(int root, const std::string& version) {
  unlinkat(root, kNextData, 0);
  if (symlinkat(version.c_str(), root, kNextData) != 0 || renameat(root, kNextData, root, kData) != 0)
    return os_fail("replace the secrets");
  return {};
}

Result<> link_names(int root, const std::set<std::string>& names) {
  for (const std::string& name : names) {
    const std::string target = std::string(kData) + "/" + name;
    if (symlinkat(target.c_str(), root, name.c_str()) != 0 && errno != EEXIST) return os_fail("name a secret");
  }
  return {};
}

}  // namespace

Result<> SecretFiles::replace(const std::vector<SecretFile>& files) {
  if (!directory_) return fail(Cause::unsupported, "this compartment was made without secrets");
  const int root = directory_.get();
  const std::string name = version_name(version_ + 1);
  std::set<std::string> names;
  for (const SecretFile& file : files) names.insert(top_of(file.path));
  auto done = write_version(root, name, files);
  if (done) done = point_at(root, name);
  if (!done) {
    remove_tree(root, name);
    return done;
  }
  ++version_;
  if (auto linked = link_names(root, names); !linked) return linked;
  for (const std::string& each : names_in(root))
    if (each != kData && each != name && !names.contains(each)) remove_tree(root, each);
  return {};
}

std::uint32_t signals_of_change(const std::vector<SecretFile>& before, const std::vector<SecretFile>& after) {
  const auto stands_in = [](const std::vector<SecretFile>& files, const SecretFile& file) {
    return std::ranges::any_of(files, [&](const SecretFile& each) {
      return each.path == file.path && each.content == file.content && each.mode == file.mode;
    });
  };
  std::set<std::string> changed;
  for (const SecretFile& file : after)
    if (!stands_in(before, file)) changed.insert(top_of(file.path));
  for (const SecretFile& file : before)
    if (!stands_in(after, file)) changed.insert(top_of(file.path));
  std::uint32_t signals = 0;
  for (const SecretFile& file : after)
    if (file.signal > 0 && changed.contains(top_of(file.path))) signals |= 1U << file.signal;
  return signals;
}

Result<Fd> pack_secrets(const std::vector<SecretFile>& files) { return put_in_memory(to_json(files).dump()); }

Result<std::vector<SecretFile>> unpack_secrets(const Fd& memory) {
  struct stat status{};
  if (fstat(memory.get(), &status) != 0) return os_fail("read the secrets");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  if (pread(memory.get(), text.data(), text.size(), 0) != status.st_size) return os_fail("read the secrets");
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (list.is_discarded()) return fail(Cause::protocol, "the secrets are cut");
  return parse_secrets(list);
}

}  // namespace bulkhead::compartments
