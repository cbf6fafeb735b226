#include "proxy/breaker.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

using manifest::Share;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Ticket = Breaker::Ticket;

// Opens at half of at least four in ten seconds, for five.
const manifest::Breaker kSettings{.errors = Share{5000}, .requests = 4, .over = seconds(10), .open = seconds(5)};

// A call, its clock, and the words of what happens.
struct Call {
  Breaker breaker{kSettings};
  Breaker::Time now{seconds(1000)};
  Ticket ticket;  // of the last one that was admitted

  void pass(milliseconds time) { now += time; }
  std::string admit() {
    const auto admission = breaker.admit(now);
    if (!admission.refused()) ticket = admission.ticket;
    return to_string(admission);
  }
  Ticket admitted() {
    EXPECT_NE(admit().substr(0, 7), "refused");
    return ticket;
  }
  void succeed() { breaker.succeeded(admitted(), now); }
  void fail(std::string_view why = "503") { breaker.failed(admitted(), why, now); }
  std::string_view state() const { return to_string(breaker.state(now)); }

  void open() {
    for (int i = 0; i < 4; ++i) fail();
    ASSERT_EQ(state(), "open");
  }
  void half_open() {
    open();
    pass(seconds(5));
    ASSERT_EQ(state(), "half-open");
  }
};

TEST(Breaker, LivesThroughAnOutage) {
  Call call;
  call.succeed();
  call.succeed();
  call.fail();
  EXPECT_EQ(call.state(), "closed");  // one of three
  EXPECT_EQ(call.breaker.reason(), "");
  call.fail("refused the connection");
  EXPECT_EQ(call.state(), "open");
  EXPECT_EQ(call.breaker.reason(), "2 of 4 requests failed in 10s, the last: refused the connection");
  EXPECT_EQ(call.admit(), "refused for 5s");
  call.pass(milliseconds(4'999));
  EXPECT_EQ(call.admit(), "refused for 1ms");
  call.pass(milliseconds(1));
  EXPECT_EQ(call.state(), "half-open");
  EXPECT_EQ(call.admit(), "probe");
  EXPECT_EQ(call.admit(), "refused while a probe is out");
  call.breaker.failed(call.ticket, "504", call.now);
  EXPECT_EQ(call.admit(), "refused for 10s");
  EXPECT_EQ(call.breaker.reason(),
            "2 of 4 requests failed in 10s, the last: refused the connection; a probe since failed too: 504");
  call.pass(seconds(10));
  EXPECT_EQ(call.admit(), "probe");
  call.breaker.succeeded(call.ticket, call.now);
  EXPECT_EQ(call.state(), "closed");
  EXPECT_EQ(call.breaker.reason(), "");
  EXPECT_EQ(call.admit(), "allowed");
  EXPECT_EQ(call.admit(), "allowed");
}

TEST(Breaker, AFewFailuresOfFewRequestsDoNotOpenIt) {
  Call call;
  for (int i = 0; i < 3; ++i) call.fail();
  EXPECT_EQ(call.state(), "closed");
  call.fail();
  EXPECT_EQ(call.state(), "open");
}

TEST(Breaker, OpensAtTheShareAndNotBelow) {
  Call call;
  for (int i = 0; i < 5; ++i) call.succeed();
  for (int i = 0; i < 4; ++i) call.fail();
  EXPECT_EQ(call.state(), "closed");  // four of nine
  call.fail();
  EXPECT_EQ(call.state(), "open");  // five of ten
}

TEST(Breaker, FailuresOfLongAgoDoNotCount) {
  Call call;
  for (int i = 0; i < 3; ++i) call.fail();
  call.pass(seconds(10));
  for (int i = 0; i < 3; ++i) call.fail();
  EXPECT_EQ(call.state(), "closed");
}

TEST(Breaker, EachFailedProbeDoublesTheWaitToEightTimes) {
  Call call;
  call.half_open();
  for (const int wait : {10, 20, 40, 40}) {
    call.fail();
    EXPECT_EQ(call.breaker.left(call.now), seconds(wait));
    call.pass(seconds(wait));
    EXPECT_EQ(call.breaker.left(call.now), seconds(0));
  }
  EXPECT_TRUE(call.breaker.reason().ends_with("; 4 probes since failed too, the last: 503")) << call.breaker.reason();
}

TEST(Breaker, AfterItClosedTheNextOutageWaitsAsTheFirst) {
  Call call;
  call.half_open();
  call.fail();
  call.pass(seconds(10));
  call.succeed();
  EXPECT_EQ(call.state(), "closed");
  for (int i = 0; i < 3; ++i) call.fail();
  EXPECT_EQ(call.state(), "closed");  // the counts are fresh
  call.fail();
  EXPECT_EQ(call.admit(), "refused for 5s");
}

TEST(Breaker, WhoWasAdmittedBeforeItOpenedChangesNothing) {
  Call call;
  std::vector<Ticket> early;
  for (int i = 0; i < 3; ++i) early.push_back(call.admitted());
  call.half_open();
  call.breaker.succeeded(early[0], call.now);
  EXPECT_EQ(call.state(), "half-open");
  EXPECT_EQ(call.admit(), "probe");
  call.breaker.failed(early[1], "503", call.now);
  call.breaker.forgotten(early[2]);
  EXPECT_EQ(call.admit(), "refused while a probe is out");
  call.breaker.succeeded(call.ticket, call.now);
  EXPECT_EQ(call.state(), "closed");
  for (int i = 0; i < 4; ++i) call.breaker.failed(early[1], "503", call.now);
  EXPECT_EQ(call.state(), "closed");
}

TEST(Breaker, AForgottenProbeLeavesItsPlaceToTheNext) {
  Call call;
  call.half_open();
  const Ticket gone = call.admitted();
  EXPECT_EQ(call.admit(), "refused while a probe is out");
  call.breaker.forgotten(gone);
  EXPECT_EQ(call.admit(), "probe");
  call.breaker.succeeded(gone, call.now);  // too late
  EXPECT_EQ(call.state(), "half-open");
}

TEST(Breaker, AForgottenRequestIsNotCounted) {
  Call call;
  for (int i = 0; i < 3; ++i) call.fail();
  call.breaker.forgotten(call.admitted());
  EXPECT_EQ(call.state(), "closed");
}

TEST(Breaker, OtherSettingsKeepTheCounts) {
  Call call;
  for (int i = 0; i < 3; ++i) call.fail();
  manifest::Breaker other = kSettings;
  other.over = seconds(60);
  other.open = seconds(1);
  call.breaker.configure(other, call.now);
  call.fail();
  EXPECT_EQ(call.admit(), "refused for 1s");
  EXPECT_EQ(call.breaker.reason(), "4 of 4 requests failed in 1m, the last: 503");
  other.open = seconds(30);
  call.breaker.configure(other, call.now);
  EXPECT_EQ(call.admit(), "refused for 1s");  // it was told so
}

TEST(Breaker, TheReasonIsNotAsLongAsThePeerLikes) {
  Call call;
  for (int i = 0; i < 4; ++i) call.fail(std::string(100'000, 'x'));
  EXPECT_LT(call.breaker.reason().size(), 2 * Breaker::kWhy);
}

}  // namespace
}  // namespace bulkhead::proxy
