#include "identity/renewal.hpp"

#include <gtest/gtest.h>

namespace bulkhead::identity {
namespace {

using namespace std::chrono_literals;

// A life in which both clocks are moved by hand.
class RenewalTest : public testing::Test {
 protected:
  void pass(std::chrono::seconds time) {
    now_.wall += time;
    now_.boot += time;
  }
  void renew(std::chrono::seconds life = 3600s, double random = 0.5) {
    plan_.renewed(now_.wall - 60s, now_.wall + life, now_, random);
  }
  bool renews() const { return plan_.next(now_).renew; }

  Moment now_{WallTime(1'700'000'000s), 1000s};
  RenewalPlan plan_;
};

TEST_F(RenewalTest, WithoutACertificateItIsDueAtOnce) {
  EXPECT_TRUE(renews());
  EXPECT_FALSE(plan_.usable(now_));
}

TEST_F(RenewalTest, ACertificateIsRenewedAtHalfItsLife) {
  renew();
  EXPECT_EQ(plan_.left(now_), 3600s);
  EXPECT_EQ(plan_.next(now_), (RenewalPlan::Next{false, RenewalPlan::kLongestPause}));
  pass(1795s);
  EXPECT_EQ(plan_.next(now_), (RenewalPlan::Next{false, 5s}));
  pass(5s);
  EXPECT_TRUE(renews());
  renew();
  EXPECT_FALSE(renews());
}

TEST_F(RenewalTest, RandomnessSpreadsRenewalsByATenth) {
  renew(3600s, 0.0);
  pass(1439s);
  EXPECT_FALSE(renews());
  pass(1s);
  EXPECT_TRUE(renews());
  renew(3600s, 0.999999);
  pass(2159s);
  EXPECT_FALSE(renews());
  pass(1s);
  EXPECT_TRUE(renews());
}

TEST_F(RenewalTest, ALaptopThatSleptRenewsWhenItWakes) {
  renew();
  pass(8h);
  EXPECT_TRUE(renews());
  EXPECT_FALSE(plan_.usable(now_));
  renew();
  EXPECT_TRUE(plan_.usable(now_));
}

TEST_F(RenewalTest, AWallClockSetForwardPastTheEndRenewsAtOnce) {
  renew();
  now_.wall += 24h;
  EXPECT_TRUE(renews());
  EXPECT_FALSE(plan_.usable(now_));
}

TEST_F(RenewalTest, AWallClockSetBackBeforeTheStartRenewsAtOnce) {
  renew();
  now_.wall -= 24h;
  EXPECT_TRUE(renews());
  EXPECT_FALSE(plan_.usable(now_));
}

TEST_F(RenewalTest, AWallClockThatIsSetBackAgainAndAgainDoesNotProlongALife) {
  renew();
  for (int i = 0; i < 31; ++i) {
    pass(60s);
    now_.wall -= 60s;
  }
  EXPECT_TRUE(renews());
  pass(1800s);
  now_.wall -= 1800s;
  EXPECT_FALSE(plan_.usable(now_));
}

TEST_F(RenewalTest, FailuresPauseLongerAndLongerUpToAMinuteAndSuccessForgetsThem) {
  renew();
  pass(1800s);
  std::vector<std::chrono::milliseconds> pauses;
  for (int i = 0; i < 9; ++i) {
    EXPECT_TRUE(renews());
    plan_.failed(now_, 1.0);
    const std::chrono::nanoseconds start = now_.boot;
    while (!renews()) pass(std::chrono::duration_cast<std::chrono::seconds>(plan_.next(now_).pause));
    pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now_.boot - start));
  }
  EXPECT_EQ(pauses, (std::vector<std::chrono::milliseconds>{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s}));
  renew();
  pass(1800s);
  plan_.failed(now_, 0.0);
  EXPECT_EQ(plan_.next(now_).pause, 500ms);
}

TEST_F(RenewalTest, FailuresOfTheFirstIssuePauseToo) {
  plan_.failed(now_, 1.0);
  EXPECT_EQ(plan_.next(now_), (RenewalPlan::Next{false, 1s}));
  pass(1s);
  EXPECT_TRUE(renews());
}

TEST_F(RenewalTest, TheClocksOfTheSystemAdvance) {
  const Moment first = moment_now();
  const Moment second = moment_now();
  EXPECT_LE(first.boot, second.boot);
  EXPECT_GT(first.boot.count(), 0);
}

}  // namespace
}  // namespace bulkhead::identity
