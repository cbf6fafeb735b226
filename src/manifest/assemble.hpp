#pragma once

// From files to one tree. Internal to this folder.

#include "manifest/merge.hpp"

namespace bulkhead::manifest {

// Reads the files of `context.report`, which are those that whoever runs bulkhead named; adds those that they include.
// Gives what all of them say together: a map without `include`, the paths of every file counting from the first's
// directory. Null, reported, where a file cannot be read.
NodePtr assemble(Context& context);

// From now on nothing shows what the variables of a file's services hold, also where another file takes their place and
// nobody reads them; nor what stands in `secrets` where nothing may be but where they come from.
void hide_values(Report& report, const Node& root);

// What of an included manifest is taken, and under which names.
struct Inclusion {
  std::string prefix;
  std::optional<std::vector<Text>> only;    // all without it
  std::map<std::string, std::string> with;  // what it calls by the first name is our service of the second
  Mark mark;
};

// The services of the included manifest `root` as they are named here, and the secrets that they name: each is renamed,
// and what they say of each other with it. A call of a renamed service is answered under the name that the program
// knows as well, and a renamed secret is found under it.
struct Taken {
  std::vector<Entry> services, secrets;
};
Taken take_services(Context& context, const Inclusion& inclusion, const Node& root);

// The tree with every path of a file in another directory counting from the first file's.
NodePtr with_paths_placed(Context& context, const NodePtr& root);

// `path`, which counts from `directory`, as it counts from where that counts from.
std::string placed(const std::string& directory, const std::string& path);

}  // namespace bulkhead::manifest
