#include "proxy/instance.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.hpp"
#include "net/gate.hpp"
#include "policy/model.hpp"
#include "proxy/memory.hpp"

namespace bulkhead::proxy {

namespace {

// A process with threads waits until the kernel's readers of its table of descriptors are gone, each time that the
// table grows: for milliseconds, in the accept of one connection among many. So it grows while there is one thread.
void make_room_for_descriptors() {
  constexpr rlim_t kRoom = 4096;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const Fd last(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, static_cast<int>(std::min(files.rlim_cur, kRoom)) - 1));
}

constexpr int kKeeperGone = 1;
constexpr int kUnusable = 2;
// The keeper says hello as soon as it has forked us.
constexpr std::chrono::seconds kHello{30};
constexpr std::chrono::seconds kTell{5};

void complain(const Fault& fault) { log_text(fault.message); }

Footprint footprint_of(const Hello& hello) {
  Footprint footprint;
  const auto directory = [](const std::string& path) { return std::filesystem::path(path).parent_path().string(); };
  if (!hello.records.empty()) footprint.read_write.push_back(directory(hello.records));
  constexpr std::string_view kUnix = "unix:";
  if (hello.inner.starts_with(kUnix)) footprint.read_write.push_back(directory(hello.inner.substr(kUnix.size())));
  if (hello.collect) {
    footprint.read_write.push_back(hello.collect->store);
    footprint.read_only = {hello.collect->records, hello.collect->logs, hello.collect->console};
  }
  // For egress: the roots of trust, and the resolver's configuration and modules.
  if (!hello.collect || hello.collect->exports)
    for (const char* path : {"/etc", "/usr/lib", "/usr/share/ca-certificates", "/lib", "/run/systemd/resolve"})
      footprint.read_only.emplace_back(path);
  return footprint;
}

class Process {
 public:
  Process(net::Loop& loop, net::SeqPacket keeper) : loop_(loop), keeper_(std::move(keeper)), gate_(loop) {}

  net::Task<int> run(const MakeInstance& make, const Confine& confine) {
    auto first = co_await keeper_.receive(loop_.in(kHello));
    if (!first) co_return kKeeperGone;
    auto hello = parse_hello(std::move(*first));
    if (!hello) {
      complain(hello.error());
      co_return kUnusable;
    }
    if (confine) {
      auto missing = confine(footprint_of(*hello));
      if (!missing) {
        complain(missing.error());
        co_return kUnusable;
      }
      hello->not_enforced = std::move(*missing);
    }
    const KeeperLink link{[this](std::string_view type, int fd) { tell(type, fd); },
                          [](const Fault& fault) {
                            complain(fault);
                            std::_Exit(kUnusable);
                          }};
    auto made = make(loop_, std::move(*hello), link);
    if (!made) {
      complain(made.error());
      co_return kUnusable;
    }
    instance_ = std::move(*made);
    instance_->start();
    gate_.spawn(give_memory_back(loop_));
    const int code = co_await obey();
    co_return code;
  }

 private:
  void tell(std::string_view type, int fd) { gate_.spawn(send(nlohmann::json{{"type", type}}.dump(), fd)); }

  net::Task<> send(std::string message, int fd) {
    std::vector<Fd> fds;
    if (fd >= 0) fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    const auto sent = co_await keeper_.send(std::move(message), std::move(fds), loop_.in(kTell));
    // Whoever reads no more is gone, which the other direction notices.
    if (!sent) complain(sent.error());
  }

  net::Task<int> obey() {
    while (true) {
      const auto frame = co_await keeper_.receive(net::Deadline::never());
      // Its end is the instance's end: without waiting for anything, as nobody would wait for us.
      if (!frame) std::_Exit(kKeeperGone);
      const auto message = policy::read_json(frame->payload);
      const std::string type = message && message->is_object() ? message->value("type", "") : "";
      if (type == "service_started") instance_->service_started();
      if (type == "drain") instance_->drain();
      if (type == "retire") instance_->retire();
      if (type == "finish") {
        co_await instance_->finish();
        co_return 0;
      }
    }
  }

  net::Loop& loop_;
  net::SeqPacket keeper_;
  std::unique_ptr<Instance> instance_;
  net::Gate gate_;
};

}  // namespace

int instance_main(int link_fd, const MakeInstance& make, const Confine& confine) {
  make_room_for_descriptors();
  ::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
  // Nobody of the same user may read the keys out of this memory.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  net::Loop loop;
  auto keeper = net::SeqPacket::adopt(loop, Fd(link_fd));
  if (!keeper) {
    complain(within("the keeper's link", keeper.error()));
    return kUnusable;
  }
  Process process(loop, std::move(*keeper));
  return loop.run(process.run(make, confine));
}

}  // namespace bulkhead::proxy
