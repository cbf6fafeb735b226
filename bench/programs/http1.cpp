#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "channel.hpp"
#include "head.hpp"

namespace bench {

namespace {

struct Head {
  int status = 0;
  std::uint64_t length = 0;
  std::size_t size = 0;  // with the empty line
};

// Nothing where the head has not ended yet; a status of 0 where it is no head, or says no length.
std::optional<Head> read_head(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  if (end == text.npos) return std::nullopt;
  Head head{.size = end + 4};
  if (!text.starts_with("HTTP/1.1 ")) return head;
  const std::optional<std::uint64_t> length = content_length(text.substr(0, end));
  if (!length) return head;
  head.length = *length;
  std::from_chars(text.data() + 9, text.data() + 12, head.status);
  return head;
}

class Http1 final : public Channel {
 public:
  Http1(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker, Poller& poller)
      : plan_(plan),
        asker_(asker),
        transport_(address, context),
        request_(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: load\r\nAccept: */*\r\n{}\r\n", plan.path,
                             plan.host, plan.bearer.empty() ? "" : "Authorization: Bearer " + plan.bearer + "\r\n")) {
    poller.add(transport_.fd(), *this);
  }

  void ask(Nanos intended) override {
    intended_ = intended;
    asked_ = true;
    transport_.queue(request_);
    flush();
  }

  void flush() override {
    if (transport_.flush() == Io::closed) fail("closed while asking");
  }

  void ready(std::uint32_t) override {
    if (dead_) return;
    flush();
    while (!dead_) {
      const Transport::Got got = transport_.read();
      if (got.io == Io::closed) return fail("closed before the answer's end");
      if (got.io == Io::later) return;
      take({got.bytes.data(), got.bytes.size()});
      if (!got.more) return;
    }
  }

 private:
  void take(std::string_view text) {
    if (left_ == 0) {
      if (!begun_.empty()) {
        begun_ += text;
        text = begun_;
      }
      const std::optional<Head> head = read_head(text);
      if (!head) {
        if (begun_.empty()) begun_ = text;
        return;
      }
      if (head->status != 200) return fail(fmt::format("answer {}", text.substr(0, 80)));
      if (head->length != plan_.body) return fail(fmt::format("a body of {} bytes", head->length));
      left_ = head->length;
      text.remove_prefix(head->size);
    }
    if (text.size() > left_ || !asked_) return fail("more than was asked for");
    left_ -= text.size();
    begun_.clear();
    if (left_ > 0) return;
    asked_ = false;
    asker_.answered(*this, intended_);
  }

  void fail(const std::string& why) {
    dead_ = true;
    asker_.failed(*this, why);
  }

  const Plan& plan_;
  Asker& asker_;
  Transport transport_;
  std::string request_;
  std::string begun_;       // of a head
  std::uint64_t left_ = 0;  // of a body
  Nanos intended_{0};
  bool asked_ = false;
  bool dead_ = false;
};

}  // namespace

std::unique_ptr<Channel> http1_channel(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker,
                                       Poller& poller) {
  return std::make_unique<Http1>(plan, address, context, asker, poller);
}

}  // namespace bench
