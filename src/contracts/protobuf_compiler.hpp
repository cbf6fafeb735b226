#pragma once

#include <memory>
#include <string_view>

#include "contracts/descriptors.hpp"
#include "contracts/protobuf_model.hpp"

namespace bulkhead::contracts {

// The tables of every message that a method leads to. Faults name the field, "shop.Item.price: ...".
Result<std::shared_ptr<const ProtoModel>> compile_protobuf(const Descriptors& descriptors);

}  // namespace bulkhead::contracts
