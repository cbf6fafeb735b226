#include "base/result.hpp"

namespace bulkhead {

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::invalid: return "invalid";
    case Cause::unsupported: return "unsupported";
    case Cause::not_found: return "not found";
    case Cause::conflict: return "conflict";
    case Cause::denied: return "denied";
    case Cause::unreachable: return "unreachable";
    case Cause::closed: return "closed";
    case Cause::timeout: return "timeout";
    case Cause::exhausted: return "exhausted";
    case Cause::protocol: return "protocol";
    case Cause::io: return "io";
    case Cause::internal: return "internal";
  }
  return "internal";
}

namespace {

Cause cause_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return Cause::denied;
    case ENOENT: return Cause::not_found;
    case EEXIST:
    case EADDRINUSE: return Cause::conflict;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH: return Cause::unreachable;
    case ECONNRESET:
    case EPIPE: return Cause::closed;
    case ETIMEDOUT: return Cause::timeout;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC: return Cause::exhausted;
    default: return Cause::io;
  }
}

}  // namespace

Fault os_fault(std::string_view doing, int error) {
  return Fault{cause_of(error), fmt::format("{}: {}", doing, std::generic_category().message(error)), error};
}

Fault within(std::string_view where, Fault fault) {
  fault.message = fmt::format("{}: {}", where, fault.message);
  return fault;
}

}  // namespace bulkhead
