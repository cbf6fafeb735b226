#include "control/vault.hpp"

#include <filesystem>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.hpp"

namespace bulkhead::control {

using nlohmann::json;

namespace {

constexpr const char* kName = "bulkhead-vault";

// Whether the descriptor is such memory, and not something that whoever started this process had left open.
bool is_vault(int fd) {
  std::error_code none;
  const auto target = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), none);
  return target.string().starts_with(fmt::format("/memfd:{} ", kName));
}

}  // namespace

Result<Vault> Vault::open() {
  const Fd found(is_vault(kNumber) ? kNumber : ::memfd_create(kName, MFD_CLOEXEC));
  if (!found) return os_fail("make the vault");
  // Above kNumber, where the next process finds its copy: a descriptor that stood there itself would end with the exec.
  Fd memory(::fcntl(found.get(), F_DUPFD_CLOEXEC, kNumber + 1));
  if (!memory) return os_fail("take over the vault");
  return Vault(std::move(memory));
}

Result<Variables> Vault::read() const {
  struct stat status{};
  if (::fstat(memory_.get(), &status) != 0) return os_fail("read the vault");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  if (::pread(memory_.get(), text.data(), text.size(), 0) != status.st_size) return os_fail("read the vault");
  if (text.empty()) return Variables();
  const auto value = read_json(text);
  if (!value || !value->is_object()) return fail(Cause::invalid, "the vault is broken");  // never what stands in it
  Variables variables;
  for (const auto& [name, content] : value->items()) variables[name] = content.get<std::string>();
  return variables;
}

Result<> Vault::write(const Variables& variables) {
  const std::string text = json(variables).dump(-1, ' ', false, json::error_handler_t::replace);
  if (::pwrite(memory_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(memory_.get(), static_cast<off_t>(text.size())) != 0)
    return os_fail("write the vault");
  return {};
}

Result<> Vault::stay_across_exec() {
  if (::dup2(memory_.get(), kNumber) != kNumber) return os_fail("keep the vault");
  return {};
}

Result<> hide_memory() {
  const rlimit none{0, 0};
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::setrlimit(RLIMIT_CORE, &none) != 0)
    return os_fail("hide this process's memory");
  return {};
}

}  // namespace bulkhead::control
