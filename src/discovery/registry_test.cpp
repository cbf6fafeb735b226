#include "discovery/registry.hpp"

#include <gtest/gtest.h>

namespace bulkhead::discovery {
namespace {

TEST(Registry, TellsOnlyOfChanges) {
  Registry registry;
  EXPECT_TRUE(registry.put({"a-1", "a", "unix:/a1", false}));
  EXPECT_FALSE(registry.put({"a-1", "a", "unix:/a1", false}));
  EXPECT_TRUE(registry.set_ready("a-1", true));
  EXPECT_FALSE(registry.set_ready("a-1", true));
  EXPECT_FALSE(registry.set_ready("nobody", true));
  EXPECT_TRUE(registry.remove("a-1"));
  EXPECT_FALSE(registry.remove("a-1"));
}

TEST(Registry, ListsTheInstancesOfOneServiceById) {
  Registry registry;
  registry.put({"a-2", "a", "unix:/a2", true});
  registry.put({"b-1", "b", "unix:/b1", true});
  registry.put({"a-1", "a", "unix:/a1", false});
  const auto found = registry.of("a");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].id, "a-1");
  EXPECT_EQ(found[1].id, "a-2");
}

}  // namespace
}  // namespace bulkhead::discovery
