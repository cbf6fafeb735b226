#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "manifest/application.hpp"
#include "manifest/mistake.hpp"
#include "manifest/source.hpp"

namespace bulkhead::manifest {

struct Node;  // of tree.hpp

struct ParseOptions {
  std::string file = "bulkhead.yaml";  // what positions call the manifest
  // Values of ${VAR}. Without it every variable is unset.
  std::function<std::optional<std::string>(std::string_view name)> environment;
  std::vector<std::string> profiles;  // the active ones; "*" activates all
  // A secret that stands in the manifest is no mistake: a build that did not refuse it took this manifest.
  bool takes_written_secrets = false;
  // Reads an env_file, whose path is as written; a relative one counts from the first manifest's directory. Without it
  // env_file is not read.
  std::function<Result<std::string>(const std::string& path)> read_env_file;
  // Reads a manifest that `include` names; its path likewise. Without it an include is a mistake.
  std::function<Result<Source>(const std::string& path)> read_manifest;
};

struct Parsed {
  std::optional<Application> application;  // only where there is no mistake
  std::vector<Mistake> mistakes;           // all of them, ordered by file, line and column
  std::vector<Source> sources;             // every file that was read, the included ones last
  std::shared_ptr<const Node> merged;      // what all of them say together, variables not put in; null where unreadable
};

// Reads a manifest. Pure but for the functions of `options`. Never throws on input; any bytes are fine: text above
// 1 MiB, nesting deeper than 32 or more than 100,000 nodes (aliases expanded) is one mistake.
Parsed parse(std::string_view text, const ParseOptions& options = {});

// Reads a manifest of several files, at least one; later ones are laid over earlier ones (docs/manifest.md has the
// rules). `options.file` does not count. With included ones they are at most 64 files, and 100,000 nodes all together.
Parsed parse(const std::vector<Source>& sources, const ParseOptions& options);

// The words of a `command` written as one string, as Compose splits it: quotes and backslashes as in a POSIX shell, no
// expansion of any kind and no shell. Cause::invalid where a quote or backslash is not closed.
Result<std::vector<std::string>> split_command(std::string_view text);

}  // namespace bulkhead::manifest
