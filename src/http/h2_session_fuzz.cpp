#include <cstdint>
#include <string>

#include "http/h2_session.hpp"

// The first byte chooses the role, and whether the rest is the connection's bytes or a list of frames: type, flags,
// stream and length in a byte each, then the payload. Whatever comes in, and whatever is done about it, nothing
// crashes.
namespace {

using namespace bulkhead::http;

class Reckless : public H2Events {
 public:
  void on_request(StreamId id, Request&& request) override {
    Response response;
    if (!request.protocol.empty()) response.status = 101;
    (void)session->submit_response(id, response, false);
    session->send_body(id, request.target, request.target.size() % 2 == 0);
    if (request.target.size() % 3 == 0) session->abandon(id);
    session->work_done(id);
  }
  void on_body(StreamId id, std::string_view data) override {
    session->consume(id, data.size());
    if (data.size() % 7 == 3) session->reset(id, h2_error::kCancel);
  }
  void on_end(StreamId id, Fields&& trailers) override { session->send_trailers(id, trailers); }
  void on_reset(StreamId id, std::uint32_t code, bool) override { session->reset(id, code); }
  H2Session* session = nullptr;
};

std::string frames_of(std::string_view list) {
  constexpr unsigned kTypes = 10;  // RFC 9113 §6
  std::string bytes;
  while (list.size() >= 4) {
    const auto at = [&](std::size_t index) { return static_cast<unsigned char>(list[index]); };
    const std::string_view payload = list.substr(4, at(3));
    bytes += {'\0', '\0', static_cast<char>(payload.size()), static_cast<char>(at(0) % kTypes), list[1]};
    bytes += {'\0', '\0', '\0', list[2]};
    bytes += payload;
    list.remove_prefix(4 + payload.size());
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool server = (data[0] & 1) != 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string input = (data[0] & 2) != 0 ? frames_of(rest) : std::string(rest);
  Reckless events;
  H2Session session(server ? H2Session::Role::server : H2Session::Role::client, {}, events);
  events.session = &session;
  if (server) {
    input.insert(0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  } else {
    Request request;
    request.method = "GET";
    request.authority = "a";
    request.target = "/";
    (void)session.submit_request(request, true);
  }
  std::string out;
  session.pull_output(out);
  const std::size_t half = input.size() / 2;
  (void)session.receive(std::string_view(input).substr(0, half));
  out.clear();
  session.pull_output(out);
  (void)session.receive(std::string_view(input).substr(half));
  out.clear();
  session.pull_output(out);
  return 0;
}
