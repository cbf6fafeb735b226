#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sys/epoll.h>
#include <unistd.h>

#include "head.hpp"
#include "serve.hpp"

namespace bench {

namespace {

constexpr std::size_t kMaxHead = 64U << 10U;
constexpr std::size_t kMaxBody = 16U << 20U;
constexpr std::string_view kEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Made once for each size.
const std::string& answer_of(std::size_t size) {
  static std::unordered_map<std::size_t, std::string> answers;
  std::string& answer = answers[size];
  if (answer.empty()) {
    answer = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(size) +
             "\r\n\r\n" + std::string(size, 'x');
  }
  return answer;
}

std::string_view answer_to(std::string_view head) {
  static constexpr std::string_view kBytes = "GET /bytes/";
  return head.starts_with(kBytes) ? answer_of(std::min(number(head.substr(kBytes.size())), kMaxBody)) : kEmpty;
}

class Http1 final : public Handler {
 public:
  Http1(Poller& poller, int fd) : poller_(poller), fd_(fd) { poller.add(fd, *this); }
  ~Http1() override { ::close(fd_); }
  Http1(const Http1&) = delete;
  Http1& operator=(const Http1&) = delete;

  void ready(std::uint32_t events) override {
    const bool to_the_end = !unsent_.empty() || (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
    if (dead_ || (flush() && take(to_the_end))) return;
    dead_ = true;
    poller_.bury(std::shared_ptr<Http1>(this));
  }

 private:
  bool take(bool to_the_end) {
    static std::array<char, kMaxHead> buffer;
    while (unsent_.empty()) {
      const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
      if (got <= 0) return got < 0 && errno == EAGAIN;
      if (!answer(std::string_view(buffer.data(), static_cast<std::size_t>(got)))) return false;
      if (!to_the_end && static_cast<std::size_t>(got) < buffer.size()) return true;
    }
    return true;
  }

  // Answers every whole request of what was read, and keeps the rest.
  bool answer(std::string_view text) {
    if (!begun_.empty()) {
      begun_ += text;
      text = begun_;
    }
    while (!text.empty()) {
      const std::size_t dropped = std::min<std::uint64_t>(body_, text.size());
      body_ -= dropped;
      text.remove_prefix(dropped);
      const std::size_t end = text.find("\r\n\r\n");
      if (end == text.npos) break;
      const std::string_view head = text.substr(0, end);
      if (!send(answer_to(head))) return false;
      body_ = content_length(head).value_or(0);
      text.remove_prefix(end + 4);
    }
    begun_ = std::string(text);
    return begun_.size() < kMaxHead;
  }

  bool send(std::string_view what) {
    ssize_t sent = unsent_.empty() ? ::write(fd_, what.data(), what.size()) : 0;
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) sent = 0;
    unsent_ += what.substr(static_cast<std::size_t>(sent));
    return true;
  }

  bool flush() {
    if (unsent_.empty()) return true;
    const ssize_t sent = ::write(fd_, unsent_.data(), unsent_.size());
    if (sent < 0) return errno == EAGAIN;
    unsent_.erase(0, static_cast<std::size_t>(sent));
    return true;
  }

  Poller& poller_;
  int fd_;
  std::string begun_;       // of a head
  std::uint64_t body_ = 0;  // still to be dropped
  std::string unsent_;
  bool dead_ = false;
};

}  // namespace

void serve_http1(Poller& poller, int fd) { new Http1(poller, fd); }

}  // namespace bench
