// The floor: forwards TCP and parses nothing.   forward LISTEN-PORT UPSTREAM-PORT

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include <sys/epoll.h>
#include <unistd.h>

#include "poller.hpp"
#include "socket.hpp"

namespace bench {

namespace {

constexpr std::size_t kBuffer = 64U << 10U;

// A connection and the one that it is forwarded to; ends when both directions have, or at the first error.
class Pair {
 public:
  Pair(Poller& poller, int client, int upstream) : poller_(poller), client_(*this, client), upstream_(*this, upstream) {
    poller.add(client, client_);
    poller.add(upstream, upstream_);
  }
  ~Pair() {
    ::close(client_.fd);
    ::close(upstream_.fd);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

 private:
  struct Side final : Handler {
    Side(Pair& of, int descriptor) : pair(of), fd(descriptor) {}
    void ready(std::uint32_t events) override { pair.ready(*this, events); }

    Pair& pair;
    int fd;
    std::string unsent;      // towards this side
    bool read_all = false;   // this side has said all it will
    bool shut_down = false;  // and was told that the other has
  };

  void ready(Side& side, std::uint32_t events) {
    if (dead_) return;
    Side& other = &side == &client_ ? upstream_ : client_;
    bool good = true;
    if ((events & EPOLLOUT) != 0 && !side.unsent.empty()) good = pump(other, side, true);
    const bool ends = (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
    if (good && (ends || (events & EPOLLIN) != 0)) good = pump(side, other, ends);
    if (good && !(client_.shut_down && upstream_.shut_down)) return;
    dead_ = true;
    poller_.bury(std::shared_ptr<Pair>(this));
  }

  // Until nothing can be read or written; false at an error. A read that leaves room has taken all there was, unless an
  // end came with it, or earlier while writing was not possible: `to_the_end` reads on.
  static bool pump(Side& from, Side& to, bool to_the_end) {
    static std::array<char, kBuffer> buffer;
    while (true) {
      if (!to.unsent.empty()) {
        const ssize_t sent = ::write(to.fd, to.unsent.data(), to.unsent.size());
        if (sent < 0) return errno == EAGAIN;
        to.unsent.erase(0, static_cast<std::size_t>(sent));
        if (!to.unsent.empty()) return true;
      }
      if (from.read_all) {
        if (!to.shut_down) ::shutdown(to.fd, SHUT_WR);
        to.shut_down = true;
        return true;
      }
      const ssize_t got = ::read(from.fd, buffer.data(), buffer.size());
      if (got < 0) return errno == EAGAIN;
      if (got == 0) {
        from.read_all = true;
        continue;
      }
      ssize_t sent = ::write(to.fd, buffer.data(), static_cast<std::size_t>(got));
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) sent = 0;
      to.unsent.assign(buffer.data() + sent, static_cast<std::size_t>(got - sent));
      if (!to.unsent.empty() || (!to_the_end && static_cast<std::size_t>(got) < buffer.size())) return true;
    }
  }

  Poller& poller_;
  Side client_;
  Side upstream_;
  bool dead_ = false;
};

class Listener final : public Handler {
 public:
  Listener(Poller& poller, const Address& at, Address upstream)
      : poller_(poller), upstream_(upstream), fd_(listen_at(at)) {
    poller.add(fd_, *this);
  }
  void ready(std::uint32_t) override {
    for (int fd = accept_from(fd_); fd >= 0; fd = accept_from(fd_)) new Pair(poller_, fd, connect_to(upstream_));
  }

 private:
  Poller& poller_;
  Address upstream_;
  int fd_;
};

int forward(const std::string& port, const std::string& upstream) {
  std::signal(SIGPIPE, SIG_IGN);
  Poller poller;
  Listener listener(poller, resolve("127.0.0.1", port), resolve("127.0.0.1", upstream));
  while (true) poller.wait();
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fputs("usage: forward LISTEN-PORT UPSTREAM-PORT\n", stderr);
    return 2;
  }
  return bench::forward(argv[1], argv[2]);
} catch (const std::exception& error) {
  std::fprintf(stderr, "forward: %s\n", error.what());
  return 1;
}
