#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "manifest/application.hpp"
#include "manifest/mistake.hpp"

// Where a secret's content comes from: files of the host, and variables of whoever runs `bulkhead up`. Any process that
// may read them.
namespace bulkhead::control {

struct SecretFile {
  std::string name;  // in its directory; "" of a secret that is one file
  std::string content;
  bool operator==(const SecretFile&) const = default;
};

using Variables = std::map<std::string, std::string>;

// The path that a secret's `from` means, for a manifest of `directory`.
std::string path_of(const manifest::Secret& secret, const std::string& directory);

// At most compartments::kMostSecretOctets in all. Cause::not_found where nothing is there or it is empty, else why it
// can't be taken; no message has a content in it. Of a directory its files alone, by name; names that begin with ".."
// are not seen, as Kubernetes has them in its volumes, any other directory in it is Cause::invalid.
Result<std::vector<SecretFile>> read_secret(const manifest::Secret& secret, const std::string& directory,
                                            const Variables& variables);

// Tells files that were looked at from ones that have been written or replaced since, without reading them; kNoFile
// where there are none, "" for a variable.
inline constexpr std::string_view kNoFile = "none";
std::string fingerprint_of(const manifest::Secret& secret, const std::string& directory);

// The variables of the application's secrets that `environment` has a value for.
Variables variables_of(const manifest::Application& application,
                       const std::function<std::optional<std::string>(const std::string& name)>& environment);

// What `check` says of them, each at its place: a file that can't be taken is an error, one that others can read and a
// variable that is not set are warnings.
std::vector<manifest::Mistake> secret_findings(
    const manifest::Application& application, const std::string& directory,
    const std::function<std::optional<std::string>(const std::string& name)>& environment);

}  // namespace bulkhead::control
