#pragma once

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "instance.hpp"
#include "launchers.hpp"

namespace bulkhead::hostile {

// A test that runs once for each kind of launcher that this host has.
class Sealed : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string why;
    const auto launcher = find_launcher(GetParam(), why);
    if (!launcher) GTEST_SKIP() << why;
    instance = std::make_unique<Instance>(*launcher);
  }
  bool single() const { return GetParam() == "SingleId"; }
  std::unique_ptr<Instance> instance;
};

#define FOR_EVERY_LAUNCHER(Suite)                                                             \
  INSTANTIATE_TEST_SUITE_P(As, Suite, testing::ValuesIn(bulkhead::hostile::launcher_names()), \
                           [](const testing::TestParamInfo<std::string>& info) { return info.param; })

}  // namespace bulkhead::hostile
