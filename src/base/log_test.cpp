#include "base/log.hpp"

#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead {
namespace {

// stderr is `fd` while this lives.
class StderrIs {
 public:
  explicit StderrIs(int fd) : kept_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10)) { ::dup2(fd, STDERR_FILENO); }
  StderrIs(const StderrIs&) = delete;
  StderrIs& operator=(const StderrIs&) = delete;
  ~StderrIs() { ::dup2(kept_.get(), STDERR_FILENO); }

 private:
  Fd kept_;
};

TEST(Log, WritesTimePidAndMessageAsOneLine) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd from(ends[0]);
  const Fd to(ends[1]);
  {
    const StderrIs redirected(to.get());
    log_line("{} is {}", "cart-1", "ready");
  }
  char text[256];
  const ssize_t size = ::read(from.get(), text, sizeof text);
  ASSERT_GT(size, 0);
  const std::string line(text, static_cast<std::size_t>(size));
  EXPECT_EQ(line.substr(4, 1), "-");
  EXPECT_EQ(line.substr(10, 1), "T");
  EXPECT_EQ(line.substr(23), "Z " + std::to_string(::getpid()) + " cart-1 is ready\n");
}

TEST(Log, ReplacesTheValuesOfSecretsWhileThereIsARedactor) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd from(ends[0]);
  const Fd to(ends[1]);
  auto redactor = std::make_shared<Redactor>();
  redactor->add("token", "correct horse");
  redact_log(redactor);
  {
    const StderrIs redirected(to.get());
    log_line("it said {}", "correct horse");
    redact_log(nullptr);
    log_line("{}", "that is all");
  }
  char text[256];
  const ssize_t size = ::read(from.get(), text, sizeof text);
  ASSERT_GT(size, 0);
  const std::string lines(text, static_cast<std::size_t>(size));
  EXPECT_NE(lines.find("it said [secret token]\n"), std::string::npos);
  EXPECT_NE(lines.find("that is all\n"), std::string::npos);
}

TEST(Log, AFullDiskAndAClosedStderrLoseTheLineAndNothingElse) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  {
    const StderrIs redirected(full.get());
    EXPECT_NO_THROW(log_line("nobody reads this {}", std::string(100'000, 'x')));
  }
  {
    const StderrIs redirected(full.get());
    ::close(STDERR_FILENO);
    EXPECT_NO_THROW(log_line("nor this"));
  }
}

}  // namespace
}  // namespace bulkhead
