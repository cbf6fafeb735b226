#pragma once

// Secrets that somebody wrote into the manifest itself. Internal to this folder.

#include <map>
#include <string>
#include <vector>

#include "manifest/fields.hpp"

namespace bulkhead::manifest {

// By the service, what it says of its variables and options that they are none.
using NotSecrets = std::map<std::string, std::vector<std::string>, std::less<>>;
void collect_not_secrets(const Context& context, const Node& root, NotSecrets& into);

// Reports what is a secret by its form, wherever it stands in the file whose root this is, and what the name of an
// option says in a command. Gives the file without them, so that nobody who reads on can show one. What the name of a
// variable says is not decided here, as files that are laid over this one have a say in that.
NodePtr without_written_secrets(Context& context, const NotSecrets& none, const NodePtr& root);

// The same of a part that is read before the rest.
NodePtr without_written_secrets(Context& context, const std::string& key, const NodePtr& value);

// Reports that the value of a service's variable is a secret. `why` as in secret.hpp.
void refuse_variable(Context& context, Mark mark, const std::string& service, const std::string& name,
                     std::string_view why, bool can_be_none);

}  // namespace bulkhead::manifest
