#pragma once

// What client and server of the cases agree on besides the messages.

#include <cstdint>

#include <grpc/grpc.h>

// Exported by gRPC's core for its own interoperability tests: how the message that was read last came.
uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);

namespace interop {

inline constexpr const char* kEchoInitial = "x-grpc-test-echo-initial";
inline constexpr const char* kEchoTrailing = "x-grpc-test-echo-trailing-bin";

inline bool came_compressed(grpc_call* call) {
  constexpr uint32_t kWasCompressed = 0x40000000U;
  return (grpc_call_test_only_get_message_flags(call) & kWasCompressed) != 0;
}

}  // namespace interop
