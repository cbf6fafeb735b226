// A raw stream that the backend never ends. Its first bytes count as an answer, then each MiB more.

#include "channel.hpp"

namespace bench {

namespace {

constexpr std::uint64_t kPiece = 1U << 20U;

class Tcp final : public Channel {
 public:
  Tcp(const Address& address, SSL_CTX* context, Asker& asker, Poller& poller)
      : asker_(asker), transport_(address, context) {
    poller.add(transport_.fd(), *this);
    transport_.queue("x");  // the backend waits for it: a stream then begins only once all the way is open
  }

  void ask(Nanos intended) override { intended_ = intended; }

  void flush() override {
    if (transport_.flush() == Io::closed) fail("closed while asking");
  }

  void ready(std::uint32_t) override {
    if (dead_) return;
    flush();
    while (!dead_) {
      const Transport::Got got = transport_.read();
      if (got.io == Io::closed) return fail("a stream ended");
      if (got.io == Io::later) return;
      if (got.bytes.front() != 'x' || got.bytes.back() != 'x') return fail("other bytes than were sent");
      if (!flows_) {
        flows_ = true;
        asker_.answered(*this, intended_);
      }
      for (bytes_ += got.bytes.size(); bytes_ >= kPiece; bytes_ -= kPiece) asker_.answered(*this, intended_);
      if (!got.more) return;
    }
  }

 private:
  void fail(const std::string& why) {
    if (dead_) return;
    dead_ = true;
    asker_.failed(*this, why);
  }

  Asker& asker_;
  Transport transport_;
  Nanos intended_{0};
  std::uint64_t bytes_ = 0;  // since the last answer
  bool flows_ = false;
  bool dead_ = false;
};

}  // namespace

std::unique_ptr<Channel> tcp_channel(const Plan&, const Address& address, SSL_CTX* context, Asker& asker,
                                     Poller& poller) {
  return std::make_unique<Tcp>(address, context, asker, poller);
}

}  // namespace bench
