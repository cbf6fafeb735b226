#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "manifest/application.hpp"
#include "manifest/mistake.hpp"
#include "manifest/source.hpp"
#include "policy/model.hpp"

namespace bulkhead::manifest {
struct Node;  // of manifest/tree.hpp
}

// What is wanted: the manifest with everything it was read with (variables, env files, profiles), so that a controller
// that returns reads the same application again although the file or the shell that started it is gone. It may hold
// secrets: it is kept in a file of mode 0600 and never logged.
namespace bulkhead::control {

struct Desired {
  std::string file;       // the manifest's path, as positions name it
  std::string directory;  // absolute; relative paths of the manifest count from here
  std::string text;
  std::vector<manifest::Source> overrides;           // the files that are laid over it, in order
  std::map<std::string, manifest::Source> included;  // path as the manifest asks for it -> the file
  std::map<std::string, std::string> variables;      // those that the text asked for and that were set
  std::map<std::string, std::string> env_files;      // path as written -> content
  std::map<std::string, std::string> documents;      // likewise, of key sets and contracts (documents.hpp)
  std::vector<std::string> profiles;
  std::string launcher_path;  // PATH of whoever said `up`, only to explain a command that is not found
  std::map<std::string, manifest::FromImage> images;  // by reference as written; unpacked (images.hpp)
  std::map<std::string, int> scale;                   // what `bulkhead scale` said, over the manifest's number
  // Services that went back, by themselves or by `bulkhead rollback`: the id of what was desired when they were what
  // they are again (History). The next `up` forgets it.
  std::map<std::string, std::string> pinned;
  std::map<std::string, std::uint32_t> numbers;  // policy::Model::numbers, once given
  std::map<std::string, std::string> sources;    // Service::sources, of those whose files somebody looked at
  std::set<std::string> selected;                // the services and perhaps policy::kGateway that run; none: all
  // Services that an `up` of others has left as they were: the id of what was desired then. Forgotten by the next one.
  std::map<std::string, std::string> held;

  // Files that the text asks for and that were not there. Not sent: whoever watches the others waits for these too.
  std::set<std::string> missing;
  // Documents that no text could be made of, and why. Not sent either.
  std::map<std::string, std::string> unmade;

  bool selects(const std::string& service) const { return selected.empty() || selected.contains(service); }

  bool operator==(const Desired&) const = default;
};

std::string to_json(const Desired& desired);
Result<Desired> desired_from_json(std::string_view json);

// The manifest at `path` with this process's environment. `file` is how messages name it.
Result<Desired> read_desired(const std::string& path, std::vector<std::string> profiles);

// The manifest of several files, at least one; "-" is standard input.
Result<Desired> read_desired(const std::vector<std::string>& paths, std::vector<std::string> profiles);

std::vector<manifest::Source> sources_of(const Desired& desired);  // those that were named, the first one first

// Every file that it was read from, and those that are missing; env files too. Absolute paths.
std::vector<std::string> files_of(const Desired& desired);

struct Loaded {
  manifest::Application application;
  policy::Model model;
  std::vector<manifest::Source> sources;         // every file that was read
  std::shared_ptr<const manifest::Node> merged;  // what they say together, variables not put in
};
struct Refused {
  std::vector<manifest::Mistake> mistakes;
};
enum class Reading : std::uint8_t {
  of_somebody,   // as `check` has it
  of_what_runs,  // it was taken once: what only a later build refuses in it is no mistake
};
std::expected<Loaded, Refused> load(const Desired& desired, Reading reading = Reading::of_somebody);

// As load() of what runs, but with each of `others` in place of the service of its name. Cause::invalid says where what
// it calls is not there any more.
Result<Loaded> load_with(const Desired& desired, std::vector<manifest::Service> others);

}  // namespace bulkhead::control
