// A gRPC body in one piece, and in two: the same messages, which stand in it as they came.

#include <cstdlib>
#include <vector>

#include "proxy/grpc_messages.hpp"

namespace {

using bulkhead::proxy::GrpcMessages;

struct CutUp {
  std::vector<std::string> messages;
  std::string end;
  bool operator==(const CutUp&) const = default;
};

CutUp cut_up(std::initializer_list<std::string_view> parts) {
  CutUp found;
  GrpcMessages cutter(1000);
  for (std::string_view part : parts) {
    while (!part.empty()) {
      const auto next = cutter.take(part);
      if (next == GrpcMessages::Next::message) found.messages.emplace_back(cutter.framed());
      if (next == GrpcMessages::Next::message || next == GrpcMessages::Next::more) continue;
      found.end = std::to_string(static_cast<int>(next));
      return found;
    }
  }
  found.end = cutter.pending();
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t cut = (data[0] * 256U + data[1]) % (body.size() + 1);
  const CutUp whole = cut_up({body});
  if (whole != cut_up({body.substr(0, cut), body.substr(cut)})) std::abort();
  std::string again;
  for (const std::string& message : whole.messages) again += message;
  if (!body.starts_with(again)) std::abort();
  return 0;
}
