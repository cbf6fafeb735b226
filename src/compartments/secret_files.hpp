#pragma once

// The secrets of a compartment as files of kSecretsDirectory, all of which change at once: each name is a link through
// `..data` into the directory of one version, and `..data` is replaced by a rename (as Kubernetes lays out its volumes,
// so that programs which watch those see these change as well). For the namespace's init, but for what is pure.

#include <cstdint>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Room for two versions, each file a page and each name a link.
inline constexpr const char* kSecretsOptions = "size=8m,nr_inodes=4096,mode=0755";

class SecretFiles {
 public:
  SecretFiles() = default;
  // `directory` is that of a tmpfs which this process may write, and the service not: it sees it by another mount.
  // `version`: of what is there.
  explicit SecretFiles(Fd directory, unsigned version = 0) : directory_(std::move(directory)), version_(version) {}
  int fd() const { return directory_.get(); }
  unsigned version() const { return version_; }

  // Every file belongs to the service. What was there stays as it was where this fails. Needs CAP_CHOWN where the
  // service has a uid of its own.
  Result<> replace(const std::vector<SecretFile>& files);

 private:
  Fd directory_;
  unsigned version_ = 0;
};

// What a service is to be told by: a bit for each signal's number. Pure.
std::uint32_t signals_of_change(const std::vector<SecretFile>& before, const std::vector<SecretFile>& after);

// For the way from the keeper to init: in memory.
Result<Fd> pack_secrets(const std::vector<SecretFile>& files);
Result<std::vector<SecretFile>> unpack_secrets(const Fd& memory);

}  // namespace bulkhead::compartments
