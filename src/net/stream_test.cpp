#include "net/stream.hpp"

#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "net/datagram.hpp"
#include "net/gate.hpp"
#include "net/listener.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

struct Pair {
  Stream near;
  Stream far;
};

Task<Pair> connected_pair(Loop& loop, Address address) {
  auto listener = Listener::open(loop, address);
  EXPECT_TRUE(listener) << listener.error().message;
  auto near = co_await connect(loop, listener->address(), loop.in(10s));
  EXPECT_TRUE(near) << near.error().message;
  auto far = co_await listener->accept();
  EXPECT_TRUE(far);
  co_return Pair{std::move(*near), std::move(*far)};
}

// Every behaviour holds over TCP and over a Unix socket.
class StreamTest : public testing::TestWithParam<bool> {
 protected:
  StreamTest() {
    std::string pattern = "/tmp/bulkhead-net-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~StreamTest() override { std::filesystem::remove_all(directory_); }
  Address address() const { return GetParam() ? *Address::unix_socket(directory_ + "/socket") : Address::loopback(0); }
  Deadline soon() const { return loop_.in(20s); }

  Loop loop_;
  std::string directory_;
};

INSTANTIATE_TEST_SUITE_P(Sockets, StreamTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Unix" : "Tcp"; });

Task<std::string> read_to_end(Stream& stream, Deadline deadline) {
  std::string all;
  std::array<char, 4096> buffer;
  while (true) {
    const auto count = co_await stream.read(buffer, deadline);
    EXPECT_TRUE(count) << count.error().message;
    if (!count || *count == 0) co_return all;
    all.append(buffer.data(), *count);
  }
}

TEST_P(StreamTest, GatheredPiecesArriveInOrderAndTheEndShows) {
  const auto test = [this]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop_, address());
    std::string first = "hello, ";
    std::string second = "world";
    const iovec pieces[] = {{first.data(), first.size()}, {nullptr, 0}, {second.data(), second.size()}};
    const auto written = co_await near.write(pieces, soon());
    EXPECT_TRUE(written);
    const auto ended = co_await near.shutdown_write(soon());
    EXPECT_TRUE(ended);
    const auto got = co_await read_to_end(far, soon());
    EXPECT_EQ(got, "hello, world");
    // Half-closed: the other direction goes on.
    const auto back = co_await far.write("still here", soon());
    EXPECT_TRUE(back);
    far.close();
    const auto rest = co_await read_to_end(near, soon());
    EXPECT_EQ(rest, "still here");
  };
  loop_.run(test());
}

TEST_P(StreamTest, AReadEndsAtItsDeadline) {
  const auto test = [this]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop_, address());
    std::array<char, 8> buffer;
    const auto count = co_await near.read(buffer, loop_.in(1ms));
    EXPECT_FALSE(count);
    if (!count) EXPECT_EQ(count.error().cause, Cause::timeout);
  };
  loop_.run(test());
}

TEST_P(StreamTest, ClosingResumesTheReaderAndTheWriter) {
  const auto test = [this]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop_, address());
    std::optional<Cause> reader;
    std::optional<Cause> writer;
    const auto read = [&]() -> Task<> {
      std::array<char, 8> buffer;
      const auto count = co_await near.read(buffer, Deadline::never());
      if (!count) reader = count.error().cause;
    };
    const auto write = [&]() -> Task<> {
      const std::string much(64U << 20U, 'x');
      const auto written = co_await near.write(much, Deadline::never());
      if (!written) writer = written.error().cause;
    };
    Gate gate(loop_);
    gate.spawn(read());
    gate.spawn(write());
    near.close();
    near.close();
    EXPECT_FALSE(reader) << "nobody is resumed in the middle of close()";
    co_await gate.close();
    EXPECT_EQ(reader, Cause::closed);
    EXPECT_EQ(writer, Cause::closed);
    std::array<char, 8> buffer;
    const auto after = co_await near.read(buffer, Deadline::never());
    EXPECT_FALSE(after);
  };
  loop_.run(test());
}

TEST_P(StreamTest, DestroyingAWaitingTaskLeavesTheStreamUsable) {
  const auto test = [this]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop_, address());
    const auto read = [&]() -> Task<> {
      std::array<char, 8> buffer;
      [[maybe_unused]] const auto count = co_await near.read(buffer, soon());
      ADD_FAILURE() << "the task was destroyed";
    };
    {
      Gate gate(loop_);
      gate.spawn(read());
    }
    const auto written = co_await far.write("x", soon());
    EXPECT_TRUE(written);
    std::array<char, 8> buffer;
    const auto count = co_await near.read(buffer, soon());
    EXPECT_TRUE(count);
    EXPECT_EQ(*count, 1U);
  };
  loop_.run(test());
}

TEST_P(StreamTest, SixtyFourMebibytesPassASlowReaderWhole) {
  const auto test = [this]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop_, address());
    std::string sent(64U << 20U, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 2654435761U >> 13U);
    const auto write = [&]() -> Task<> {
      const auto written = co_await near.write(sent, soon());
      EXPECT_TRUE(written);
      near.close();
    };
    Gate gate(loop_);
    gate.spawn(write());
    std::string received;
    received.reserve(sent.size());
    std::vector<char> buffer(100'000);
    while (true) {
      const auto count = co_await far.read(buffer, soon());
      EXPECT_TRUE(count);
      if (!count || *count == 0) break;
      received.append(buffer.data(), *count);
      if (received.size() % 7 == 0) co_await sleep(loop_, loop_.in(100us));
    }
    co_await gate.close();
    EXPECT_TRUE(received == sent);
  };
  loop_.run(test());
}

TEST_P(StreamTest, ManySmallExchangesInBothDirections) {
  const auto test = [this]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop_, address());
    const auto echo = [&]() -> Task<> {
      std::array<char, 64> buffer;
      while (true) {
        const auto count = co_await far.read(buffer, soon());
        if (!count || *count == 0) co_return;
        const auto written = co_await far.write({buffer.data(), *count}, soon());
        EXPECT_TRUE(written);
      }
    };
    Gate gate(loop_);
    gate.spawn(echo());
    std::array<char, 64> buffer;
    for (std::size_t i = 0; i < 2000; ++i) {
      const std::string message(1 + i % 60, static_cast<char>('a' + i % 26));
      const auto written = co_await near.write(message, soon());
      EXPECT_TRUE(written);
      const auto count = co_await near.read(buffer, soon());
      EXPECT_EQ(std::string_view(buffer.data(), count.value_or(0)), message);
    }
    near.close();
    co_await gate.close();
  };
  loop_.run(test());
}

TEST_P(StreamTest, APoolSeesBytesAndTheEndOnAnIdleConnection) {
  const auto test = [this]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop_, address());
    EXPECT_TRUE(near.is_idle());
    const auto written = co_await far.write("unexpected", soon());
    EXPECT_TRUE(written);
    const auto readable = co_await near.wait_readable(soon());
    EXPECT_TRUE(readable);
    EXPECT_FALSE(near.is_idle());
    std::array<char, 64> buffer;
    const auto count = co_await near.read(buffer, soon());
    EXPECT_TRUE(count);
    EXPECT_TRUE(near.is_idle());
    far.close();
    const auto ended = co_await near.wait_readable(soon());
    EXPECT_TRUE(ended);
    EXPECT_FALSE(near.is_idle());
  };
  loop_.run(test());
}

TEST_P(StreamTest, AStreamMayBeDestroyedByTheReaderOfAnotherInTheSameBatch) {
  const auto test = [this]() -> Task<> {
    std::vector<Pair> pairs;
    for (int i = 0; i < 20; ++i) {
      Pair pair = co_await connected_pair(loop_, address());
      pairs.push_back(std::move(pair));
    }
    std::vector<Stream> nears;
    std::vector<Stream> fars;
    for (Pair& pair : pairs) {
      nears.push_back(std::move(pair.near));
      fars.push_back(std::move(pair.far));
    }
    int ended = 0;
    const auto read = [&](Stream& stream) -> Task<> {
      std::array<char, 8> buffer;
      [[maybe_unused]] const auto count = co_await stream.read(buffer, soon());
      ++ended;
      for (Stream& other : nears) {
        if (&other != &stream) other = Stream();
      }
    };
    Gate gate(loop_);
    for (Stream& stream : nears) gate.spawn(read(stream));
    for (Stream& stream : fars) {
      const auto written = co_await stream.write("x", soon());
      EXPECT_TRUE(written);
    }
    co_await gate.close();
    EXPECT_EQ(ended, 20);
  };
  loop_.run(test());
}

TEST_P(StreamTest, ConnectingToNobodyMeansThatNothingWasSent) {
  const auto test = [this]() -> Task<> {
    Address gone = address();
    {
      auto listener = Listener::open(loop_, gone);
      EXPECT_TRUE(listener);
      gone = listener->address();
    }
    const auto stream = co_await connect(loop_, gone, soon());
    EXPECT_FALSE(stream);
    if (!stream) EXPECT_EQ(stream.error().cause, Cause::unreachable) << stream.error().message;
  };
  loop_.run(test());
}

TEST_P(StreamTest, TheListenersAddressIsTheAcceptedStreamsLocalAddress) {
  const auto test = [this]() -> Task<> {
    auto listener = Listener::open(loop_, address());
    EXPECT_TRUE(listener);
    auto near = co_await connect(loop_, listener->address(), soon());
    auto far = co_await listener->accept();
    EXPECT_EQ(far->local_address(), listener->address());
    EXPECT_EQ(near->peer_address(), listener->address());
    const auto credentials = far->peer_credentials();
    EXPECT_EQ(credentials.has_value(), GetParam());
    if (credentials) EXPECT_EQ(credentials->pid, ::getpid());
  };
  loop_.run(test());
}

TEST_P(StreamTest, ClosingAListenerEndsAccept) {
  const auto test = [this]() -> Task<> {
    auto listener = Listener::open(loop_, address());
    EXPECT_TRUE(listener);
    bool ended = false;
    const auto accept = [&]() -> Task<> {
      const auto stream = co_await listener->accept();
      ended = !stream && stream.error().cause == Cause::closed;
    };
    Gate gate(loop_);
    gate.spawn(accept());
    listener->close();
    co_await gate.close();
    EXPECT_TRUE(ended);
  };
  loop_.run(test());
}

TEST_P(StreamTest, AListenerWithoutDescriptorsGoesOnWhenThereAreSomeAgain) {
  const auto test = [this]() -> Task<> {
    auto listener = Listener::open(loop_, address());
    EXPECT_TRUE(listener);
    auto near = co_await connect(loop_, listener->address(), soon());
    EXPECT_TRUE(near);
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &none);
    bool accepted = false;
    const auto accept = [&]() -> Task<> {
      const auto stream = co_await listener->accept();
      accepted = stream.has_value();
    };
    Gate gate(loop_);
    gate.spawn(accept());
    EXPECT_FALSE(accepted);
    ::setrlimit(RLIMIT_NOFILE, &before);
    co_await gate.close();
    EXPECT_TRUE(accepted);
  };
  loop_.run(test());
}

class UnixTest : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Sockets, UnixTest, testing::Values(true), [](const auto&) { return "Unix"; });

TEST_P(UnixTest, AStalePathIsReplacedAndALivingOneIsNot) {
  const auto first = open_listening_socket(address(), {.mode = 0660});
  ASSERT_TRUE(first);
  struct stat info{};
  ASSERT_EQ(::stat(address().path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);
  const auto second = open_listening_socket(address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().cause, Cause::conflict);
  ::close(first->get());
  EXPECT_TRUE(open_listening_socket(address()));
  const_cast<Fd&>(*first).release();
}

TEST_P(UnixTest, AFileThatIsNoSocketIsNeverRemoved) {
  const std::string path = directory_ + "/socket";
  ASSERT_TRUE(write_file_atomically(path, "precious"));
  EXPECT_FALSE(open_listening_socket(address()));
  EXPECT_EQ(*read_file(path), "precious");
}

TEST_P(UnixTest, AFullBacklogMeansThatNothingWasSent) {
  const auto test = [this]() -> Task<> {
    const auto listening = open_listening_socket(address(), {.backlog = 1});
    EXPECT_TRUE(listening);
    std::vector<Stream> streams;
    while (streams.size() < 100) {
      auto stream = co_await connect(loop_, address(), soon());
      if (!stream) {
        EXPECT_EQ(stream.error().cause, Cause::unreachable);
        co_return;
      }
      streams.push_back(std::move(*stream));
    }
    ADD_FAILURE() << "the backlog never filled";
  };
  loop_.run(test());
}

TEST(AdoptedListener, WhatItAcceptsDoesNotDelaySmallSegments) {
  Loop loop;
  Fd plain(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Address any = Address::loopback(0);
  ASSERT_EQ(::bind(plain.get(), any.data(), any.size()), 0);
  ASSERT_EQ(::listen(plain.get(), 1), 0);
  loop.run([](Loop& on, Fd listening) -> Task<> {
    auto listener = Listener::adopt(on, std::move(listening));
    EXPECT_TRUE(listener);
    const auto near = co_await connect(on, listener->address(), on.in(10s));
    const auto far = co_await listener->accept();
    EXPECT_TRUE(near && far);
    int delays_not = 0;
    socklen_t size = sizeof delays_not;
    EXPECT_EQ(::getsockopt(far->fd(), IPPROTO_TCP, TCP_NODELAY, &delays_not, &size), 0);
    EXPECT_EQ(delays_not, 1);
  }(loop, std::move(plain)));
}

TEST_P(UnixTest, AClosedListenerRemovesItsPath) {
  {
    const auto listener = Listener::open(loop_, address());
    ASSERT_TRUE(listener);
    EXPECT_TRUE(std::filesystem::exists(address().path()));
  }
  EXPECT_FALSE(std::filesystem::exists(address().path()));
}

TEST(TcpTest, TheKernelTakesLittleForAPeerThatDoesNotRead) {
  Loop loop;
  loop.run([](Loop& loop) -> Task<> {
    auto [near, far] = co_await connected_pair(loop, Address::loopback(0));
    const std::string piece(64U << 10U, 'x');
    std::size_t taken = 0;
    while (taken < (16U << 20U)) {
      const Result<> written = co_await far.write(piece, loop.in(50ms));
      if (!written) break;
      taken += piece.size();
    }
    EXPECT_LT(taken, 1U << 20U);
  }(loop));
}

int unsent_low_water(const Stream& stream) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  EXPECT_EQ(::getsockopt(stream.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size), 0);
  return bytes;
}

TEST(TcpTest, TheKernelTakesMoreForAPeerThatHasRead) {
  Loop loop;
  loop.run([](Loop& loop) -> Task<> {
    auto [near, far] = co_await connected_pair(loop, Address::loopback(0));
    std::string piece(64U << 10U, 'x');
    std::string read(piece.size(), ' ');
    const int at_first = unsent_low_water(far);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(unsent_low_water(far), at_first);
      EXPECT_TRUE(co_await far.write(piece, loop.in(20s)));
      for (std::size_t all = 0; all < piece.size();) {
        const auto count = co_await near.read(read, loop.in(20s));
        EXPECT_TRUE(count);
        if (!count) co_return;
        all += *count;
      }
    }
    EXPECT_GT(unsent_low_water(far), at_first);
  }(loop));
}

TEST(TcpTest, AResetIsAnErrorAndNotAnEnd) {
  Loop loop;
  const auto test = [&]() -> Task<> {
    auto [near, far] = co_await connected_pair(loop, Address::loopback(0));
    near.reset();
    std::array<char, 8> buffer;
    const auto count = co_await far.read(buffer, loop.in(20s));
    EXPECT_FALSE(count);
    if (!count) EXPECT_EQ(count.error().cause, Cause::closed);
  };
  loop.run(test());
}

TEST(TcpTest, AnAdoptedConnectingSocketCanBeAwaited) {
  Loop loop;
  const auto test = [&]() -> Task<> {
    auto listener = Listener::open(loop, Address::loopback(0));
    EXPECT_TRUE(listener);
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const Address to = listener->address();
    [[maybe_unused]] const int started = ::connect(fd.get(), to.data(), to.size());
    auto stream = Stream::adopt(loop, std::move(fd));
    EXPECT_TRUE(stream);
    const auto connected = co_await stream->wait_connected(loop.in(20s));
    EXPECT_TRUE(connected);
  };
  loop.run(test());
}

TEST(TcpTest, OnlyStreamSocketsAreAdopted) {
  Loop loop;
  EXPECT_FALSE(Stream::adopt(loop, Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))));
  EXPECT_FALSE(Stream::adopt(loop, Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
}

TEST(DatagramTest, AnswersGoBackToWhoAsked) {
  Loop loop;
  const auto test = [&]() -> Task<> {
    auto server = Datagram::open(loop, Address::loopback(0));
    auto client = Datagram::open(loop, Address::loopback(0));
    EXPECT_TRUE(server && client);
    std::array<char, 16> buffer;
    EXPECT_TRUE(client->send_to("this one is longer than the buffer", server->address()));
    EXPECT_TRUE(client->send_to("question", server->address()));
    const auto question = co_await server->receive_from(buffer, loop.in(20s));
    EXPECT_TRUE(question);
    EXPECT_EQ(std::string_view(buffer.data(), question->size), "question");
    EXPECT_TRUE(server->send_to("answer", question->from));
    const auto answer = co_await client->receive_from(buffer, loop.in(20s));
    EXPECT_TRUE(answer);
    EXPECT_EQ(std::string_view(buffer.data(), answer->size), "answer");
    const auto nothing = co_await client->receive_from(buffer, loop.in(1ms));
    EXPECT_FALSE(nothing);
  };
  loop.run(test());
}

}  // namespace
}  // namespace bulkhead::net
