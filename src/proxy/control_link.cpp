#include "proxy/control_link.hpp"

#include "net/stream.hpp"
#include "policy/model.hpp"
#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

ControlLink::ControlLink(net::Loop& loop, std::string socket_path, Handlers handlers)
    : loop_(loop), socket_path_(std::move(socket_path)), handlers_(std::move(handlers)), gate_(loop) {}

void ControlLink::start() { gate_.spawn(run()); }

void ControlLink::close() {
  closing_ = true;
  if (channel_ != nullptr) channel_->close();
}

bool ControlLink::send(const nlohmann::json& message) {
  if (channel_ == nullptr) return false;
  const auto sent = channel_->send(message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return sent.has_value();
}

net::Task<> ControlLink::flush(net::Deadline deadline) {
  if (channel_ == nullptr) co_return;
  const auto flushed = co_await channel_->flush(deadline);
  if (!flushed) handlers_.trouble(flushed.error());
}

net::Task<> ControlLink::run() {
  const auto address = net::Address::unix_socket(socket_path_);
  if (!address) {
    handlers_.trouble(address.error());
    co_return;
  }
  auto pause = defaults::kControlRetryFirst;
  while (!closing_) {
    auto stream = co_await net::connect(loop_, *address, loop_.in(defaults::kConnect));
    if (stream) {
      pause = defaults::kControlRetryFirst;
      net::FrameChannel channel(std::move(*stream));
      co_await serve(channel);
    }
    if (closing_) co_return;
    co_await net::sleep(loop_, loop_.in(pause));
    pause = std::min(pause * 2, defaults::kControlRetryLast);
  }
}

net::Task<> ControlLink::serve(net::FrameChannel& channel) {
  struct Connected {
    net::FrameChannel*& place;
    ~Connected() { place = nullptr; }
  } const connected{channel_};
  channel_ = &channel;
  handlers_.connected();
  while (true) {
    auto frame = co_await channel.receive(net::Deadline::never());
    if (!frame) {
      if (!closing_) handlers_.trouble(within("controller", frame.error()));
      co_return;
    }
    const auto message = policy::read_json(frame->payload);
    if (!message || !message->is_object() || !message->contains("type") || !(*message)["type"].is_string()) {
      handlers_.trouble({Cause::protocol, "the controller sent something that is no message"});
      continue;
    }
    handlers_.message((*message)["type"].get<std::string>(), *message);
  }
}

}  // namespace bulkhead::proxy
