#pragma once

// The keeper: owner of one instance. It stays in the host's namespaces, builds the compartment, starts sidecar and
// service, and outlives neither nor is outlived by them. It is started by the controller and belongs to nobody's
// session.
//
// Towards the controller (FrameChannel of JSON on `controller_socket`; retried for ever, the instance doesn't wait for
// it):
//   keeper → controller
//     {"type":"hello","instance","build","keeper_pid","keeper_start","sidecar_pid","sidecar_start","service_pid","state",
//      "other_pid","succession","not_enforced":[{"what","reason","fix"}]}         at each connect
//     {"type":"state","state":"sealing|sealed|sidecar_ready|running|draining|terminating|finishing|stopped","service_pid"}
//     {"type":"exited","code":N | "signal":N,"oom":bool,"reason":"…"}   once; reason only where the platform ended it
//     {"type":"listeners","names":[…]}                                 with the descriptors
//     {"type":"doors","problem":"…"}                                   the answer to doors; "" if they are set
//     {"type":"secrets","problem":"…"}                                 the answer to secrets that have changed
//     {"type":"stays","problem":"…"}                                   the answer to become, if it does not
//     {"type":"sidecar","what":"starting|serving|retired|failed","problem","sidecar_pid","other_pid"}
//                                                                      the answers to replace_sidecar (succession.hpp)
//     {"type":"session","session":N, "started":true with the outer ends of a guest's streams (guests.hpp)
//                                  | "connected":true with the socket | "ended":true,"code":N | "signal":N |
//                                  "error":"…"}
//   controller → keeper
//     {"type":"stop","grace_ms":N}     {"type":"listeners"}
//     {"type":"guest","session":N,"argv":[…],"terminal":"TERM","rows","columns"}   without "terminal": pipes
//     {"type":"hang_up","session":N}   {"type":"connect","session":N,"port":N}
//     {"type":"doors","doors":[{"address","port"}]}     instead of those of the spec, from now on
//     {"type":"secrets","secrets":[…]}                  instead of those of the spec, as it has them; equal ones are
//                                                       no change
//     {"type":"replace_sidecar","executable":"/…"}      by one of that program, while the service runs
//     {"type":"become","executable":"/…","protocol":N}  that program, which has keepers of this protocol
// SIGTERM is a stop too.

namespace bulkhead::compartments {

// Exit codes: 0 the service ended with 0 or was stopped, 1 anything else, 2 the spec is unusable (said on stderr).
// `spec_fd` is read to its end and closed.
int keeper_main(int spec_fd);

// The same process with another program: `state_fd` has what the one before left (keeper_state.hpp).
int keeper_goes_on(int state_fd);

}  // namespace bulkhead::compartments
