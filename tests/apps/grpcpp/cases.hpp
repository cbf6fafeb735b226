#pragma once

// The client's half of the gRPC project's interoperability cases
// (https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md), by the names that they have there.

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

namespace interop {

struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Case {
  std::string name;
  std::function<void(const std::shared_ptr<grpc::Channel>&)> run;  // throws Failed
};

const std::vector<Case>& all_cases();

}  // namespace interop
