#include "jose/cache.hpp"

#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "jose/fixture.hpp"

// The thread sanitizer has operators of its own, which can not be replaced.
#if !__has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS
namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace bulkhead::jose {
namespace {

using std::chrono::seconds;
using test::kNow;

std::shared_ptr<const Token> token(std::string subject, seconds left = seconds(300)) {
  return std::make_shared<const Token>(Token{.subject = std::move(subject), .expires = kNow + left});
}

constexpr Digest kKeys{1};
constexpr Digest kNewKeys{2};

TEST(Cache, GivesWhatWasVerified) {
  Cache<Token> cache;
  EXPECT_EQ(cache.find("t1", kKeys, kNow), nullptr);
  cache.put("t1", kKeys, token("ann"));
  ASSERT_NE(cache.find("t1", kKeys, kNow), nullptr);
  EXPECT_EQ(cache.find("t1", kKeys, kNow)->subject, "ann");
  EXPECT_EQ(cache.find("t1 ", kKeys, kNow), nullptr);
  EXPECT_EQ(cache.find("", kKeys, kNow), nullptr);
}

TEST(Cache, ATokenEndsAtItsExp) {
  Cache<Token> cache;
  cache.put("t", kKeys, token("ann", seconds(10)));
  EXPECT_NE(cache.find("t", kKeys, kNow + seconds(9)), nullptr);
  EXPECT_EQ(cache.find("t", kKeys, kNow + seconds(10)), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, NewKeysEndWhatOldOnesVerified) {
  Cache<Token> cache;
  cache.put("t", kKeys, token("ann"));
  EXPECT_EQ(cache.find("t", kNewKeys, kNow), nullptr);
  EXPECT_EQ(cache.find("t", kKeys, kNow), nullptr);
}

TEST(Cache, TheTokenNotAskedForTheLongestGoesFirst) {
  Cache<Token> cache(2);
  cache.put("a", kKeys, token("a"));
  cache.put("b", kKeys, token("b"));
  EXPECT_NE(cache.find("a", kKeys, kNow), nullptr);
  cache.put("c", kKeys, token("c"));
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_NE(cache.find("a", kKeys, kNow), nullptr);
  EXPECT_EQ(cache.find("b", kKeys, kNow), nullptr);
  EXPECT_NE(cache.find("c", kKeys, kNow), nullptr);
}

TEST(Cache, ATokenPutAgainIsThereOnce) {
  Cache<Token> cache(2);
  cache.put("a", kKeys, token("old"));
  cache.put("a", kNewKeys, token("new"));
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.find("a", kNewKeys, kNow)->subject, "new");
}

TEST(Cache, WhoHoldsATokenKeepsIt) {
  Cache<Token> cache(1);
  cache.put("a", kKeys, token("ann"));
  const auto held = cache.find("a", kKeys, kNow);
  cache.put("b", kKeys, token("bob"));
  EXPECT_EQ(held->subject, "ann");
}

#ifdef COUNTS_ALLOCATIONS
TEST(Cache, ALookUpAllocatesNothing) {
  Cache<Token> cache;
  cache.put("a", kKeys, token("ann"));
  const std::size_t before = allocations;
  const bool found = cache.find("a", kKeys, kNow) != nullptr;
  const bool not_there = cache.find("b", kKeys, kNow) == nullptr;
  EXPECT_EQ(allocations, before);
  EXPECT_TRUE(found && not_there);
}
#endif

}  // namespace
}  // namespace bulkhead::jose
