// logs: what services wrote, for those who can not read the launcher's files.
//
//   logs {service?, lines, follow?} → {"ok", "lines": [{"instance", "time", "stream", "line"}]}…, then {"ok", "end"}
//                                     unless it goes on as long as the connection does

#include <algorithm>

#include "control/controller.hpp"
#include "control/log_reader.hpp"
#include "control/reply.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr int kMostLines = 100'000;
constexpr std::size_t kAtOnce = 256U << 10U;  // bytes of a file that are read, and sent, without a wait
constexpr auto kReaderPatience = 10s;         // with one who does not read
constexpr auto kLook = 100ms;

}  // namespace

net::Task<> Controller::serve_logs(net::FrameChannel& channel, const json& request) {
  const int lines = std::clamp(request.value("lines", 100), 0, kMostLines);
  const bool follow = request.value("follow", false);
  LogReader reader(launcher_.places.logs(), request.value("service", ""), lines);
  for (;;) {
    json told = json::array();
    const bool all = reader.read_new(
        [&](const std::string& instance, json line) {
          line["instance"] = instance;
          told.push_back(std::move(line));
        },
        kAtOnce);
    const auto who = peer_of(channel.stream().fd(), roles_);  // a role may be gone by now
    if (!who || !refusal_of(*who, "logs").empty()) co_return;
    if (!told.empty() && !channel.send(text_of({{"ok", true}, {"lines", std::move(told)}}))) co_return;
    const auto flushed = co_await channel.flush(loop_.in(kReaderPatience));
    if (!flushed) co_return;
    if (!all) continue;
    if (!follow) break;
    co_await net::sleep(loop_, loop_.in(kLook));
  }
  const json end = {{"ok", true}, {"end", true}, {"found", reader.found_any()}};
  if (!channel.send(text_of(end))) co_return;
  const auto flushed = co_await channel.flush(loop_.in(kReaderPatience));
  static_cast<void>(flushed);
}

}  // namespace bulkhead::control
