#include "net/frames.hpp"

#include <array>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "net/gate.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

struct Ends {
  Fd near;
  Fd far;
};

Ends stream_ends() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

class FramesTest : public testing::Test {
 protected:
  FramesTest() {
    auto [near, far] = stream_ends();
    near_ = std::make_unique<FrameChannel>(*Stream::adopt(loop_, std::move(near)));
    far_ = std::make_unique<FrameChannel>(*Stream::adopt(loop_, std::move(far)));
  }
  Deadline soon() const { return loop_.in(20s); }
  Result<Frame> receive() { return loop_.run(far_->receive(soon())); }

  Loop loop_;
  std::unique_ptr<FrameChannel> near_;
  std::unique_ptr<FrameChannel> far_;
};

bool same_file(int left, int right) {
  struct stat a{};
  struct stat b{};
  return ::fstat(left, &a) == 0 && ::fstat(right, &b) == 0 && a.st_ino == b.st_ino && a.st_rdev == b.st_rdev;
}

TEST_F(FramesTest, FramesArriveWholeAndInOrder) {
  EXPECT_TRUE(near_->send("one"));
  EXPECT_TRUE(near_->send(""));
  EXPECT_TRUE(near_->send(std::string("t\0o", 3)));
  EXPECT_EQ(receive()->payload, "one");
  EXPECT_EQ(receive()->payload, "");
  EXPECT_EQ(receive()->payload, std::string("t\0o", 3));
}

TEST_F(FramesTest, DescriptorsComeWithTheirOwnFrame) {
  std::vector<Fd> fds;
  fds.emplace_back(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  fds.emplace_back(::open("/dev/full", O_RDONLY | O_CLOEXEC));
  const Fd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const Fd full(::open("/dev/full", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(near_->send("none"));
  EXPECT_TRUE(near_->send("two", std::move(fds)));
  EXPECT_TRUE(near_->send("none again"));
  EXPECT_TRUE(receive()->fds.empty());
  const auto two = receive();
  ASSERT_EQ(two->fds.size(), 2U);
  EXPECT_TRUE(same_file(two->fds[0].get(), zero.get()));
  EXPECT_TRUE(same_file(two->fds[1].get(), full.get()));
  EXPECT_EQ(::fcntl(two->fds[0].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_TRUE(receive()->fds.empty());
}

TEST_F(FramesTest, ALargeFrameIsQueuedAndFlushed) {
  const std::string large(kMaxFrame, 'x');
  EXPECT_TRUE(near_->send(large));
  EXPECT_TRUE(near_->send("after"));
  const auto test = [&]() -> Task<> {
    bool flushed = false;
    const auto flush = [&]() -> Task<> {
      const auto done = co_await near_->flush(soon());
      flushed = done.has_value();
    };
    Gate gate(loop_);
    gate.spawn(flush());
    EXPECT_FALSE(flushed);
    const auto frame = co_await far_->receive(soon());
    EXPECT_TRUE(frame && frame->payload == large);
    const auto after = co_await far_->receive(soon());
    EXPECT_EQ(after->payload, "after");
    co_await gate.close();
    EXPECT_TRUE(flushed);
  };
  loop_.run(test());
}

TEST_F(FramesTest, LimitsAreRefusedBySender) {
  EXPECT_EQ(near_->send(std::string(kMaxFrame + 1, 'x')).error().cause, Cause::exhausted);
  std::vector<Fd> many;
  for (std::size_t i = 0; i <= kMaxFdsPerMessage; ++i) many.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(near_->send("x", std::move(many)).error().cause, Cause::exhausted);
  Result<> sent;
  for (int i = 0; i < 8 && sent; ++i) sent = near_->send(std::string(kMaxFrame, 'x'));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().cause, Cause::exhausted);
}

TEST_F(FramesTest, TheEndBetweenFramesIsClosedAndInsideIsAProtocolFault) {
  EXPECT_TRUE(near_->send("last"));
  near_->close();
  EXPECT_TRUE(receive());
  EXPECT_EQ(receive().error().cause, Cause::closed);
}

Task<Result<Frame>> receive_bytes(Loop& loop, std::string bytes) {
  auto [near, far] = stream_ends();
  EXPECT_EQ(::send(near.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  near.reset();
  FrameChannel channel(*Stream::adopt(loop, std::move(far)));
  auto frame = co_await channel.receive(loop.in(20s));
  co_return frame;
}

TEST_F(FramesTest, HostileBytesAreProtocolFaults) {
  for (const auto& bytes : {std::string("\0\0", 2), std::string("\0\0\0\5abc", 7), std::string("\xFF\xFF\xFF\xFF", 4),
                            std::string("\x01\0\0\1", 4)}) {
    const auto frame = loop_.run(receive_bytes(loop_, bytes));
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().cause, Cause::protocol);
  }
}

TEST_F(FramesTest, ATimeoutBetweenFramesLeavesTheChannelUsable) {
  EXPECT_EQ(loop_.run(far_->receive(loop_.in(1ms))).error().cause, Cause::timeout);
  EXPECT_TRUE(near_->send("x"));
  EXPECT_EQ(receive()->payload, "x");
}

TEST(SeqPacketTest, MessagesKeepTheirBoundsBlockingAndWithALoop) {
  auto pair = seqpacket_pair();
  ASSERT_TRUE(pair);
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fds[] = {null.get()};
  EXPECT_TRUE(send_message(pair->first.get(), "one"));
  EXPECT_TRUE(send_message(pair->first.get(), "two", fds));
  EXPECT_FALSE(send_message(pair->first.get(), ""));
  EXPECT_EQ(receive_message(pair->second.get())->payload, "one");
  Loop loop;
  auto packets = SeqPacket::adopt(loop, std::move(pair->second));
  ASSERT_TRUE(packets);
  const auto two = loop.run(packets->receive(loop.in(20s)));
  EXPECT_EQ(two->payload, "two");
  EXPECT_EQ(two->fds.size(), 1U);
  EXPECT_EQ(loop.run(packets->receive(loop.in(1ms))).error().cause, Cause::timeout);
  EXPECT_TRUE(loop.run(packets->send("back", {}, loop.in(20s))));
  EXPECT_EQ(receive_message(pair->first.get())->payload, "back");
  pair->first.reset();
  EXPECT_EQ(loop.run(packets->receive(loop.in(20s))).error().cause, Cause::closed);
}

TEST(SeqPacketTest, AMessageAboveTheLimitIsRefusedWithItsDescriptorsClosed) {
  auto pair = seqpacket_pair();
  EXPECT_TRUE(send_message(pair->first.get(), std::string(100, 'x')));
  const auto message = receive_message(pair->second.get(), 10);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().cause, Cause::protocol);
}

}  // namespace
}  // namespace bulkhead::net
