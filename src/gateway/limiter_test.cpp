#include "gateway/limiter.hpp"

#include <gtest/gtest.h>

namespace bulkhead::gateway {
namespace {

using namespace std::chrono_literals;

class LimiterTest : public testing::Test {
 protected:
  static Limiter limiter(const char* text) { return {*manifest::parse_limit(text), 7}; }

  // Whether one more is let through; it is taken then.
  bool one(Limiter& limiter, std::string_view key) {
    const std::uint64_t place = limiter.place(key, now);
    const bool admits = limiter.standing(place, now).admits;
    if (admits) limiter.take(place, now);
    return admits;
  }
  int many(Limiter& limiter, std::string_view key, int tries) {
    int admitted = 0;
    for (int i = 0; i < tries; ++i) admitted += one(limiter, key) ? 1 : 0;
    return admitted;
  }
  Limiter::Standing standing(Limiter& limiter, std::string_view key) {
    return limiter.standing(limiter.place(key, now), now);
  }

  Limiter::Time now = Limiter::Time() + 1h;
};

TEST_F(LimiterTest, ABucketIsEmptiedAtOnceAndFillsSteadily) {
  Limiter rate = limiter("10/s");
  EXPECT_EQ(many(rate, "a", 30), 10);
  EXPECT_EQ(many(rate, "b", 30), 10) << "another one has a bucket of its own";
  now += 99ms;
  EXPECT_FALSE(one(rate, "a"));
  now += 1ms;
  EXPECT_TRUE(one(rate, "a"));
  EXPECT_FALSE(one(rate, "a"));
  now += 1s;
  EXPECT_EQ(many(rate, "a", 30), 10);
  now += 1h;
  EXPECT_EQ(many(rate, "a", 30), 10) << "it does not fill beyond its size";
}

TEST_F(LimiterTest, ABurstIsWhatMayComeTogetherAndNotHowOften) {
  Limiter large = limiter("1/s burst 5");
  EXPECT_EQ(many(large, "a", 30), 5);
  now += 2s;
  EXPECT_EQ(many(large, "a", 30), 2);
  Limiter small = limiter("10/s burst 1");
  EXPECT_EQ(many(small, "a", 30), 1);
  now += 100ms;
  EXPECT_EQ(many(small, "a", 30), 1);
}

TEST_F(LimiterTest, SaysWhatIsLeftAndForHowLongToWait) {
  Limiter rate = limiter("10/s");
  EXPECT_EQ(standing(rate, "a").remaining, 10U);
  EXPECT_EQ(standing(rate, "a").full, 0ns);
  many(rate, "a", 3);
  EXPECT_EQ(standing(rate, "a").remaining, 7U);
  EXPECT_EQ(standing(rate, "a").full, 300ms);
  EXPECT_EQ(standing(rate, "a").wait, 0ns);
  many(rate, "a", 7);
  now += 30ms;
  EXPECT_EQ(standing(rate, "a").remaining, 0U);
  EXPECT_EQ(standing(rate, "a").wait, 70ms);
}

TEST_F(LimiterTest, ARefusedOneWaitsNoLongerForHavingAsked) {
  Limiter rate = limiter("1/10s");
  EXPECT_TRUE(one(rate, "a"));
  for (int i = 0; i < 9; ++i) {
    now += 1s;
    EXPECT_FALSE(one(rate, "a"));
  }
  now += 1s;
  EXPECT_TRUE(one(rate, "a"));
}

TEST_F(LimiterTest, HowManyAtOnceCountsThoseThatAreThere) {
  Limiter once = limiter("2 at once");
  EXPECT_EQ(many(once, "a", 5), 2);
  now += 1h;
  EXPECT_FALSE(one(once, "a")) << "time ends no request";
  once.give_back(once.place("a", now));
  EXPECT_EQ(standing(once, "a").remaining, 1U);
  EXPECT_EQ(many(once, "a", 5), 1);
  once.give_back(once.place("a", now));
  once.give_back(once.place("a", now));
  EXPECT_EQ(once.size(), 0U) << "nobody is remembered who has none";
}

TEST_F(LimiterTest, ACrowdNeitherFillsTheMemoryNorWashesAnybodyOut) {
  Limiter rate = limiter("1/h");
  EXPECT_TRUE(one(rate, "victim"));
  std::size_t admitted = 0;
  for (std::size_t i = 0; i < 2 * Limiter::kMost; ++i) admitted += one(rate, std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(admitted, Limiter::kMost) << "each apart as long as there is room, and one for all others";
  EXPECT_LE(rate.size(), Limiter::kMost + 1);
  EXPECT_FALSE(one(rate, "victim"));
  now += 1h;
  EXPECT_TRUE(one(rate, "late")) << "who has rested makes room";
  EXPECT_LE(rate.size(), 2U);
}

TEST_F(LimiterTest, WhoHasRestedIsForgottenBeforeThereIsACrowd) {
  Limiter rate = limiter("1/s");
  for (int i = 0; i < 100'000; ++i) {
    now += 10ms;
    EXPECT_TRUE(one(rate, std::to_string(i)));
  }
  EXPECT_LE(rate.size(), 1025U);
}

}  // namespace
}  // namespace bulkhead::gateway
