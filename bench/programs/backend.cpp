// What the proxies forward to.   backend http=PORT grpc=PORT stream=PORT       any of them; serve.hpp says what each
// does

#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "serve.hpp"
#include "socket.hpp"

namespace bench {

namespace {

using Serve = void(Poller& poller, int fd);

class Listener final : public Handler {
 public:
  Listener(Poller& poller, const std::string& port, Serve* serve)
      : poller_(poller), serve_(serve), fd_(listen_at(resolve("0.0.0.0", port))) {
    poller.add(fd_, *this);
  }
  void ready(std::uint32_t) override {
    for (int fd = accept_from(fd_); fd >= 0; fd = accept_from(fd_)) serve_(poller_, fd);
  }

 private:
  Poller& poller_;
  Serve* serve_;
  int fd_;
};

int serve(const std::vector<std::string>& arguments) {
  static const std::map<std::string, Serve*> kKinds{
      {"http", serve_http1}, {"grpc", serve_grpc}, {"stream", serve_stream}};
  std::signal(SIGPIPE, SIG_IGN);
  Poller poller;
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const std::string& each : arguments) {
    const std::size_t equals = std::min(each.find('='), each.size());
    const auto kind = kKinds.find(each.substr(0, equals));
    if (kind == kKinds.end() || equals == each.size()) throw std::runtime_error("what is " + each + "?");
    listeners.push_back(std::make_unique<Listener>(poller, each.substr(equals + 1), kind->second));
  }
  while (true) poller.wait();
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) try {
  return bench::serve({argv + 1, argv + argc});
} catch (const std::exception& error) {
  std::fprintf(stderr, "backend: %s\n", error.what());
  return 1;
}
