#pragma once

// Pid 1 of a compartment: a fork of the keeper in the new namespaces. It builds network and root, starts the service,
// reaps, forwards SIGTERM, vends sockets, replaces the service's secrets and starts what operators run inside. Trusted;
// it holds no secret but those. When it ends, the kernel ends all inside.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/cgroup.hpp"
#include "compartments/lifetime.hpp"
#include "compartments/root_plan.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Between keeper and init, a SOCK_SEQPACKET pair. Both began as the same executable, so plain structs travel; a keeper
// may have become another build since, of the same kKeeperProtocol (keeper_state.hpp).
struct InitMessage {
  enum class Kind : std::uint8_t {
    mapped,     // keeper → init: the id maps are written
    start,      // keeper → init: run the service
    terminate,  // keeper → init: SIGTERM to the service
    doors,      // keeper → init: with a descriptor of packed doors (door_sets.hpp), instead of the present ones
    sealed,     // init → keeper: with the sidecar's descriptors; `text` holds their names, one a line
    started,    // init → keeper: exec succeeded; SCM_CREDENTIALS carries the service's pid
    exited,     // init → keeper: the service ended: `signalled`, `value`
    failed,     // init → keeper: `text` says why it can't be sealed or started
    doors_set,  // init → keeper: the answer to doors; `text` says why not, empty if they are set
    guest,      // keeper → init: run a command (behind the struct, each word with its NUL) for `session`; `terminal`:
                // with one of that size, whose TERM is `text`
    signal,     // keeper → init: signal `value` to the guest of `session`
    connect,    // keeper → init: to port `value` of the service, for `session`
    guest_started,  // init → keeper: with the outer ends of its streams
    guest_ended,    // init → keeper: `signalled`, `value`; with `text`: it could not be started
    connected,      // init → keeper: with the socket, or errno `value`
    vendor,         // keeper → init: another sidecar comes and needs a vendor socket of its own
    vendor_opened,  // init → keeper: with the sidecar's end; `text` says why not
    secrets,      // keeper → init: with a descriptor of packed secrets (secret_files.hpp), instead of the present ones;
                  // then the signals of the bits of `value` to the service
    secrets_set,  // init → keeper: the answer to secrets; `text` says why not, empty if they are there
    become,       // keeper → init: with the program (init_program.hpp) and memory with the Spec: go on as that program
    became,       // init → keeper: the answer to become; `text` says why not, and then it is what it was
  };
  Kind kind = Kind::mapped;
  bool signalled = false;
  bool terminal = false;
  std::uint16_t rows = 0, columns = 0;
  std::uint32_t session = 0;
  std::int32_t value = 0;
  std::array<char, 1000> text{};
};

inline constexpr std::size_t kMostWords = 32U << 10U;  // of a guest's command together, with their NULs

struct InitOptions {
  Fd keeper;                     // init's end of the pair
  Fd output, errors;             // the service's stdout and stderr
  std::vector<Fd> cgroup_procs;  // each takes "0" from whoever is to be limited
  std::vector<Fd> trees;         // open_trees() of a root launcher; empty: init opens them
};

// The body of the new process; `options.keeper` at end of file ends it. Never returns.
[[noreturn]] void run_init(const Compartment& compartment, const RootPlan& plan, InitOptions options);

// What a `become` leads to, in the new program: `state` is memory with an InitState. Never returns.
[[noreturn]] void init_goes_on(int state);

}  // namespace bulkhead::compartments
