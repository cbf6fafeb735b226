#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/h1_decoder.hpp"
#include "http/h1_encoder.hpp"
#include "http/target.hpp"

// The first byte chooses request or response and where the rest is cut. Nothing crashes, what is said does not depend
// on the cut, and an accepted head, written again, is read as the same.
namespace {

using namespace bulkhead::http;
using Kind = H1Step::Kind;

std::string told(H1Decoder::Role role, std::string_view input, std::size_t cut) {
  H1Decoder decoder(role, {.count = 8, .bytes = 512, .start_line = 128, .trailer_bytes = 64});
  decoder.expect_response_to("GET", true);
  std::string log;
  std::string buffer;
  for (const std::string_view part : {input.substr(0, cut), input.substr(cut)}) {
    buffer += part;
    while (true) {
      const H1Step step = decoder.decode(buffer);
      if (step.consumed > buffer.size()) std::abort();
      if (step.kind == Kind::body) log += step.body;
      if (step.kind == Kind::head) log += "<head>";
      if (step.kind == Kind::end) log += "<end>";
      if (step.kind == Kind::refused) return log + decoder.refusal().reason;
      if (step.kind == Kind::head && role == H1Decoder::Role::request) {
        std::string again;
        H1Decoder second(role);
        if (decoder.request().authority.empty()) decoder.request().authority = "a";
        encode_request(decoder.request(), again);
        if (second.decode(again).kind != Kind::head) std::abort();
        if (second.request().target != decoder.request().target) std::abort();
        if (second.request().body != decoder.request().body) std::abort();
      }
      buffer.erase(0, step.consumed);
      if (step.kind == Kind::end) {
        if (!decoder.keep_alive()) return log;
        decoder.next();
      }
      if (step.kind == Kind::need_more) break;
    }
  }
  const H1Step last = decoder.finish(buffer.size());
  return log + (last.kind == Kind::end ? "<end>" : last.kind == Kind::refused ? decoder.refusal().reason : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto role = (data[0] & 1) != 0 ? H1Decoder::Role::request : H1Decoder::Role::response;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (told(role, input, 0) != told(role, input, data[0] % input.size())) std::abort();
  (void)check_target(input);
  return 0;
}
