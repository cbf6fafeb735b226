#include "control/secret_source.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>
#include <sys/stat.h>

#include "base/fd.hpp"
#include "base/utf8.hpp"
#include "compartments/spec.hpp"
#include "control/launch.hpp"

namespace bulkhead::control {

namespace {

namespace fs = std::filesystem;
using manifest::Secret;

constexpr std::size_t kLargest = compartments::kMostSecretOctets;

Result<std::string> read_regular(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    const Fault fault = os_fault(path);
    return fail(Fault{errno == ENOENT ? Cause::not_found : Cause::io, fault.message, fault.os_error});
  }
  // Anything else may keep whoever reads it waiting.
  if (!S_ISREG(status.st_mode)) return fail(Cause::invalid, "{} is no file", path);
  auto content = read_file(path, kLargest);
  if (content && content->empty()) return fail(Cause::not_found, "{} is empty", path);
  return content;
}

// The names of a directory that are its files, in order.
Result<std::vector<std::string>> names_in(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("..")) continue;
    if (name.starts_with('.'))
      return fail(Cause::invalid, "{}/{} is a hidden file, which no secret can be", path, name);
    if (first_bad_byte(name) != std::string::npos)
      return fail(Cause::invalid, "{} has a file whose name is no text", path);
    names.push_back(name);
  }
  if (error) return fail(error.value() == ENOENT ? Cause::not_found : Cause::io, "{}: {}", path, error.message());
  if (names.empty()) return fail(Cause::not_found, "{} is empty", path);
  if (names.size() > compartments::kMostSecretFiles)
    return fail(Cause::exhausted, "{} has more than {} files", path, compartments::kMostSecretFiles);
  std::ranges::sort(names);
  return names;
}

Result<std::vector<SecretFile>> read_directory(const std::string& path) {
  const auto names = names_in(path);
  if (!names) return fail(names.error());
  std::vector<SecretFile> files;
  std::size_t octets = 0;
  for (const std::string& name : *names) {
    auto content = read_regular(path + "/" + name);
    if (!content) return fail(content.error());
    octets += content->size();
    if (octets > kLargest) return fail(Cause::exhausted, "{} has more than {} bytes", path, kLargest);
    files.push_back({name, std::move(*content)});
  }
  return files;
}

std::string print_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::string(kNoFile);
  return fmt::format("{}:{}:{}:{}.{}:{}.{}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

// Finds what there is to say of one secret.
class Finder {
 public:
  Finder(const Secret& secret, const std::string& directory, std::vector<manifest::Mistake>& into)
      : secret_(secret), path_(path_of(secret, directory)), directory_(directory), into_(into) {}

  void run() {
    const auto files = read_secret(secret_, directory_, {});
    if (!files) {
      add(manifest::Severity::error, "secret-file",
          fmt::format("secret '{}': {}", secret_.name, files.error().message));
      return;
    }
    for (const SecretFile& file : *files) look_at_mode(file.name.empty() ? path_ : path_ + "/" + file.name);
  }

  void warn_unset() {
    add(manifest::Severity::warning, "secret-variable",
        fmt::format("secret '{}': the variable {} is not set here", secret_.name, secret_.from))
        .help.emplace_back("`bulkhead up` wants it, unless what runs was given it before");
  }

 private:
  void look_at_mode(const std::string& path) {
    struct stat status{};
    constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
    if (::stat(path.c_str(), &status) != 0 || (status.st_mode & kOthers) == 0) return;
    add(manifest::Severity::warning, "secret-mode",
        fmt::format("secret '{}': others than its owner have a right to {} (mode {:04o})", secret_.name, path,
                    status.st_mode & 07777U))
        .help.push_back(fmt::format("chmod go= {}", path));
  }

  manifest::Mistake& add(manifest::Severity severity, std::string code, std::string message) {
    manifest::Mistake mistake{.severity = severity, .position = secret_.position};
    mistake.code = std::move(code);
    mistake.message = std::move(message);
    return into_.emplace_back(std::move(mistake));
  }

  const Secret& secret_;
  std::string path_;
  const std::string& directory_;
  std::vector<manifest::Mistake>& into_;
};

}  // namespace

std::string path_of(const Secret& secret, const std::string& directory) {
  return absolute_path(directory, secret.from);
}

Result<std::vector<SecretFile>> read_secret(const Secret& secret, const std::string& directory,
                                            const Variables& variables) {
  if (secret.source == Secret::Source::directory) return read_directory(path_of(secret, directory));
  if (secret.source == Secret::Source::environment) {
    const auto found = variables.find(secret.from);
    if (found == variables.end() || found->second.empty())
      return fail(Cause::not_found, "the variable {} is not set where `bulkhead up` runs", secret.from);
    if (found->second.size() > kLargest)
      return fail(Cause::exhausted, "{} has more than {} bytes", secret.from, kLargest);
    return std::vector{SecretFile{"", found->second}};
  }
  auto content = read_regular(path_of(secret, directory));
  if (!content) return fail(content.error());
  return std::vector{SecretFile{"", std::move(*content)}};
}

std::string fingerprint_of(const Secret& secret, const std::string& directory) {
  if (secret.source == Secret::Source::environment) return "";
  const std::string path = path_of(secret, directory);
  if (secret.source == Secret::Source::file) return print_of(path);
  std::string all;
  const auto names = names_in(path);
  if (!names) return std::string(kNoFile);
  for (const std::string& name : *names) all += name + "=" + print_of(path + "/" + name) + ";";
  return all;
}

Variables variables_of(const manifest::Application& application,
                       const std::function<std::optional<std::string>(const std::string& name)>& environment) {
  Variables variables;
  for (const manifest::Secret& secret : application.secrets) {
    if (secret.source != Secret::Source::environment) continue;
    if (auto value = environment(secret.from)) variables[secret.from] = std::move(*value);
  }
  return variables;
}

std::vector<manifest::Mistake> secret_findings(
    const manifest::Application& application, const std::string& directory,
    const std::function<std::optional<std::string>(const std::string& name)>& environment) {
  std::vector<manifest::Mistake> findings;
  for (const manifest::Secret& secret : application.secrets) {
    Finder finder(secret, directory, findings);
    if (secret.source != Secret::Source::environment)
      finder.run();
    else if (environment(secret.from).value_or("").empty())
      finder.warn_unset();
  }
  return findings;
}

}  // namespace bulkhead::control
