#pragma once

#include <string>

#include "base/release.hpp"
#include "proxy/defaults.hpp"
#include "proxy/exchange.hpp"

namespace bulkhead::proxy {

// A request's body that can be read again from its beginning, as long as it is short and no answer has begun.
class RequestBody {
 public:
  explicit RequestBody(ServerExchange& down) : down_(down) {}

  // Whether a further try would see the whole body.
  bool replayable() const { return keeping_; }
  void rewind() { cursor_ = 0; }
  // An answer has begun: nothing is kept from here on.
  void forget() {
    keeping_ = false;
    if (cursor_ == kept_.size()) release(kept_);
  }
  bool ended() const { return ended_; }

  // The view lives until the next call.
  net::Task<Result<BodyPart>> next() {
    if (cursor_ < kept_.size()) {
      const std::string_view again = std::string_view(kept_).substr(cursor_);
      cursor_ = kept_.size();
      co_return BodyPart{again, ended_};
    }
    if (ended_) co_return BodyPart{{}, true};
    const auto part = co_await down_.read_body(net::Deadline::never());
    if (!part) co_return part;
    ended_ = part->end;
    keep(part->data);
    co_return part;
  }

 private:
  void keep(std::string_view data) {
    if (keeping_ && kept_.size() + data.size() <= defaults::kReplayBytes) {
      kept_.append(data);
      cursor_ = kept_.size();
    } else if (keeping_) {
      keeping_ = false;
      release(kept_);
      cursor_ = 0;
    }
  }

  ServerExchange& down_;
  std::string kept_;
  std::size_t cursor_ = 0;  // into kept_: what this try was given
  bool keeping_ = true;
  bool ended_ = false;
};

}  // namespace bulkhead::proxy
