#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "builds/record.hpp"
#include "manifest/application.hpp"

namespace bulkhead::builds {

// One build, of one service or of several that have the same.
struct Unit {
  std::vector<std::string> services;
  Commands commands;
  Scope scope;                     // its inputs; it runs in scope.dir
  std::vector<Scope> run_from;     // the services' own directories, as far as they are not in its scope
  std::set<std::string> programs;  // files that the services' commands name

  std::string name() const;  // "web", "web and api"
};

// The builds of the services that are `wanted`; `directory` is the manifest's.
std::vector<Unit> units_of(const manifest::Application& application, const std::string& directory,
                           const std::function<bool(const std::string&)>& wanted);

// The files that a service without a build runs from: those of its directory, without what is another service's in a
// directory of its own below. Nothing where its program is an image's; and nothing where the directory is the
// manifest's, which it has unless another one is written, and the command names no file of it: a database is not
// replaced for an edit of a program.
std::optional<Scope> files_of(const manifest::Application& application, const manifest::Service& service,
                              const std::string& directory);

}  // namespace bulkhead::builds
