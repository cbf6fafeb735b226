#include <cerrno>
#include <string>

#include <unistd.h>

#include "serve.hpp"

namespace bench {

namespace {

class Source final : public Handler {
 public:
  Source(Poller& poller, int fd) : poller_(poller), fd_(fd) { poller.add(fd, *this); }
  ~Source() override { ::close(fd_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  void ready(std::uint32_t) override {
    if (dead_ || pump()) return;
    dead_ = true;
    poller_.bury(std::shared_ptr<Source>(this));
  }

 private:
  // False once nobody takes any more.
  bool pump() {
    static const std::string kBytes(64U << 10U, 'x');
    char first = 0;
    if (!begun_) {
      const ssize_t got = ::read(fd_, &first, 1);
      if (got <= 0) return got < 0 && errno == EAGAIN;
      begun_ = true;
    }
    while (::write(fd_, kBytes.data(), kBytes.size()) > 0) {
    }
    return errno == EAGAIN;
  }

  Poller& poller_;
  int fd_;
  bool begun_ = false;
  bool dead_ = false;
};

}  // namespace

void serve_stream(Poller& poller, int fd) { new Source(poller, fd); }

}  // namespace bench
