#include "cli/terminal.hpp"

#include <array>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

constexpr std::size_t kMostWaiting = 256U << 10U;  // bytes that a program has not taken yet
constexpr int kLastWords = 200;                    // milliseconds for what others inside still hold open

termios& terminal_before() {
  static termios before{};
  return before;
}

// The signals that end or concern the carrying, as something to poll.
class WatchedSignals {
 public:
  WatchedSignals() {
    sigemptyset(&watched_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) sigaddset(&watched_, number);
    sigprocmask(SIG_BLOCK, &watched_, &before_);
    fd_ = Fd(::signalfd(-1, &watched_, SFD_NONBLOCK | SFD_CLOEXEC));
  }
  WatchedSignals(const WatchedSignals&) = delete;
  WatchedSignals& operator=(const WatchedSignals&) = delete;
  ~WatchedSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  int fd() const { return fd_.get(); }
  int next() const {
    signalfd_siginfo info{};
    return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  sigset_t watched_{}, before_{};
  Fd fd_;
};

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {  // somebody made it so; it is not ours to change
      pollfd room{fd, POLLOUT, 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

class Carrier {
 public:
  explicit Carrier(std::vector<Fd> fds) : fds_(std::move(fds)), terminal_(fds_.size() == 1) {
    for (const Fd& fd : fds_) ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  }

  Result<int> run(int events, const std::function<std::optional<Result<int>>()>& hear) {
    const WatchedSignals signals;
    for (;;) {
      std::array<pollfd, 6> watched{{{events, POLLIN, 0},
                                     {signals.fd(), POLLIN, 0},
                                     {waiting_.size() < kMostWaiting && input_open_ ? STDIN_FILENO : -1, POLLIN, 0},
                                     {waiting_.empty() ? -1 : input(), POLLOUT, 0},
                                     {output(), POLLIN, 0},
                                     {errors(), POLLIN, 0}}};
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return os_fail("wait");
      if (watched[4].revents != 0 && !pass(output(), STDOUT_FILENO, 0)) return 1;
      if (watched[5].revents != 0 && !pass(errors(), STDERR_FILENO, 2)) return 1;
      if (watched[1].revents != 0) {
        const int number = signals.next();
        if (number == SIGWINCH) resize();
        if (number != 0 && number != SIGWINCH) return 128 + number;
      }
      if (watched[2].revents != 0) take_input();
      if (watched[3].revents != 0) give_input();
      if (watched[0].revents != 0)
        if (auto ended = hear()) return last_words(), std::move(*ended);
    }
  }

 private:
  int input() const { return fds_.front().get(); }
  int output() const { return terminal_ ? fds_.front().get() : fds_[1].get(); }
  int errors() const { return terminal_ ? -1 : fds_[2].get(); }

  // False where standard output or error takes no more.
  bool pass(int from, int to, std::size_t index) {
    std::array<char, 16384> bytes{};
    const ssize_t size = ::read(from, bytes.data(), bytes.size());
    if (size > 0) return write_whole(to, {bytes.data(), static_cast<std::size_t>(size)});
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    // Its end. A terminal's comes with every program in it gone; then the end of the command is near.
    if (terminal_)
      fds_.front() = Fd();
    else
      fds_[index == 0 ? 1 : 2] = Fd();
    return true;
  }

  void take_input() {
    std::array<char, 16384> bytes{};
    const ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size > 0) return void(waiting_.append(bytes.data(), static_cast<std::size_t>(size)));
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    input_open_ = false;
    if (terminal_) return;
    if (waiting_.empty()) fds_.front() = Fd();
  }

  void give_input() {
    const ssize_t put = ::write(input(), waiting_.data(), waiting_.size());
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (put < 0) {  // the program reads no more
      waiting_.clear();
      input_open_ = false;
    } else {
      waiting_.erase(0, static_cast<std::size_t>(put));
    }
    if (waiting_.empty() && !input_open_ && !terminal_) fds_.front() = Fd();
  }

  void resize() const {
    const Window window = window_size();
    const winsize size{window.rows, window.columns, 0, 0};
    if (terminal_) ::ioctl(fds_.front().get(), TIOCSWINSZ, &size);
  }

  // What the program wrote before its end; what others keep open is not waited for.
  void last_words() {
    for (;;) {
      std::array<pollfd, 2> watched{{{output(), POLLIN, 0}, {errors(), POLLIN, 0}}};
      if (output() < 0 && errors() < 0) return;
      if (::poll(watched.data(), watched.size(), kLastWords) <= 0) return;
      if (watched[0].revents != 0 && !pass(output(), STDOUT_FILENO, 0)) return;
      if (watched[1].revents != 0 && !pass(errors(), STDERR_FILENO, 2)) return;
    }
  }

  std::vector<Fd> fds_;
  bool terminal_;
  bool input_open_ = true;
  std::string waiting_;
};

}  // namespace

bool has_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

Window window_size() {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_row, size.ws_col};
}

RawTerminal::RawTerminal() {
  if (::tcgetattr(STDIN_FILENO, &terminal_before()) != 0) return;
  termios raw = terminal_before();
  ::cfmakeraw(&raw);
  changed_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (changed_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal_before());
}

Result<int> carry(std::vector<Fd> fds, int events, const std::function<std::optional<Result<int>>()>& hear) {
  if (fds.size() != 1 && fds.size() != 3) return fail(Cause::protocol, "{} descriptors instead of 1 or 3", fds.size());
  ::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
  return Carrier(std::move(fds)).run(events, hear);
}

}  // namespace bulkhead::cli
