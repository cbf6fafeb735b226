#include "manifest/when.hpp"

#include <stdexcept>

namespace bulkhead::manifest {

namespace {

using conditions::Kind;
using conditions::Type;

conditions::Environment make_environment() {
  conditions::Environment environment;
  const auto declare = [&](Asked slot, std::string name, Type type) {
    if (environment.declare(std::move(name), std::move(type)) != static_cast<conditions::Slot>(slot))
      throw std::logic_error("the variables of conditions are not in the order of their slots");
  };
  declare(Asked::method, "request.method", Kind::string);
  declare(Asked::path, "request.path", Kind::string);
  declare(Asked::headers, "request.headers", Type::map(Kind::string, Kind::string));
  declare(Asked::caller, "caller.service", Kind::string);
  declare(Asked::callee, "callee.service", Kind::string);
  declare(Asked::now, "now", Kind::timestamp);
  declare(Asked::user_sub, "user.sub", Kind::string);
  declare(Asked::user_provider, "user.provider", Kind::string);
  declare(Asked::user_claims, "user.claims", Type::map(Kind::string, Kind::dyn));
  declare(Asked::resource, "resource", Type::map(Kind::string, Kind::dyn));
  return environment;
}

}  // namespace

const conditions::Environment& request_environment() {
  static const conditions::Environment environment = make_environment();
  return environment;
}

conditions::Checked<conditions::Condition> compile_when(std::string_view source) {
  return conditions::Condition::compile(source, request_environment());
}

}  // namespace bulkhead::manifest
