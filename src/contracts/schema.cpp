#include "contracts/schema.hpp"

#include "contracts/compiler.hpp"

namespace bulkhead::contracts {

Result<Schema> Schema::compile(const Node& root, Dialect dialect, std::string_view file, const Documents& others) {
  Identifiers identifiers(dialect);
  const Index resource = identifiers.add("", root, true);
  for (const auto& [uri, node] : others) identifiers.add(uri, *node, true);
  Compiler compiler(dialect, identifiers, file);
  const Index index = compiler.add({&root, resource, "#", ""});
  auto program = compiler.finish();
  if (!program) return fail(program.error());
  return Schema(*program, index);
}

}  // namespace bulkhead::contracts
