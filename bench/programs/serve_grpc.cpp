#include <array>

#include "h2_session.hpp"
#include "serve.hpp"

namespace bench {

namespace {

class Grpc final : public Handler, H2Session::Events {
 public:
  Grpc(Poller& poller, int fd) : poller_(poller), transport_(fd), session_(transport_, H2Session::End::server, *this) {
    poller.add(fd, *this);
  }

  void ready(std::uint32_t) override {
    if (dead_ || session_.ready() == nullptr) return;
    dead_ = true;
    poller_.bury(std::shared_ptr<Grpc>(this));
  }

 private:
  void header(std::int32_t, std::string_view, std::string_view) override {}
  void asked(std::int32_t stream) override {
    session_.respond(stream, std::array{field(":status", "200"), field("content-type", "application/grpc")});
  }
  void data(std::int32_t stream, std::string_view bytes) override { session_.write(stream, bytes); }
  void ended(std::int32_t stream) override { session_.finish(stream, H2Session::Ending::grpc_ok); }
  void closed(std::int32_t, std::uint32_t) override {}

  Poller& poller_;
  Transport transport_;
  H2Session session_;
  bool dead_ = false;
};

}  // namespace

void serve_grpc(Poller& poller, int fd) { new Grpc(poller, fd); }

}  // namespace bench
