#pragma once

// What two files say together. Internal to this folder.

#include <map>
#include <optional>
#include <string>

#include "manifest/fields.hpp"

namespace bulkhead::manifest {

// By a file's number, where it was included; files that were named by whoever runs bulkhead are not in it.
using Inclusions = std::map<std::uint16_t, Mark>;

// The root of a later file laid over that of what came before it. Both are maps without `include`. Reports what cannot
// be: a !reset of nothing, an included service whose name is taken.
NodePtr lay_over(Context& context, const Inclusions& inclusions, const NodePtr& base, const NodePtr& over);

// Reports every !reset and !override in `node`: no file comes before it that they could be about.
void refuse_edits(Context& context, const Node& node);

// Reports that the name of `brought`, a `what` ("service", "secret") of an included file, is another's already.
// `include` is where it came in.
void refuse_taken(Context& context, std::string_view what, const Entry& brought, Mark include, Mark taken);

// The short forms as maps, nothing where they are not understood (whoever reads them reports why): [catalog] or
// {catalog: ...} of `calls`, [GET /x] or nothing of one call, [migrate] of `depends_on`.
std::optional<Node> calls_as_map(Context& context, const Node& node);
Node call_as_map(const Node& node);
std::optional<Node> dependencies_as_map(Context& context, const Node& node);

const Entry* find_entry(const Node& map, std::string_view key);
Entry* find_entry(Node& map, std::string_view key);

}  // namespace bulkhead::manifest
