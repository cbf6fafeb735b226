#include "proxy/telemetry_door.hpp"

#include <algorithm>
#include <array>

#include "proxy/defaults.hpp"
#include "proxy/splice.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::size_t kPreamble = 128;  // the name, filled with zero octets

}  // namespace

bool is_otlp_address(const net::Address& dialled) {
  return dialled.is_ip() && dialled.scope() == net::Scope::loopback &&
         std::ranges::find(kOtlpPorts, dialled.port()) != std::end(kOtlpPorts);
}

net::Task<> carry_telemetry(net::Stream stream, const std::string& collector, const std::string& instance) {
  const auto address = net::Address::unix_socket(collector);
  net::Loop& loop = stream.loop();
  auto far = address ? co_await net::connect(loop, *address, loop.in(defaults::kConnect))
                     : Result<net::Stream>(std::unexpect, address.error());
  if (!far) {
    stream.reset();
    co_return;
  }
  std::string preamble = instance.substr(0, kPreamble);
  preamble.resize(kPreamble, '\0');
  const auto said = co_await far->write(preamble, loop.in(defaults::kConnect));
  if (!said) {
    stream.reset();
    co_return;
  }
  const auto spliced = co_await splice(stream, *far);
  static_cast<void>(spliced);
}

net::Task<Result<std::string>> read_telemetry_preamble(net::Stream& stream, net::Deadline deadline) {
  std::array<char, kPreamble> preamble{};
  auto read = co_await read_whole(stream, preamble, deadline);
  if (!read) co_return fail(std::move(read.error()));
  const std::string_view text(preamble.data(), preamble.size());
  co_return std::string(text.substr(0, text.find('\0')));
}

}  // namespace bulkhead::proxy
