#pragma once

#include <forward_list>
#include <memory>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "conditions/arrays.hpp"

namespace bulkhead::conditions {

// A JSON document as conditions read it, converted once: no look at it allocates. Whole numbers are ints, or doubles
// where they do not fit. Recursion is as deep as the document: whoever reads one that a stranger wrote bounds that.
// Immutable; its values borrow from it.
class Document {
 public:
  static Value empty_map();  // of nobody: lives for ever

  explicit Document(nlohmann::json json) : Document(std::make_shared<const nlohmann::json>(std::move(json))) {}
  explicit Document(std::shared_ptr<const nlohmann::json> json);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  Value value() const { return value_; }
  const nlohmann::json& json() const { return *json_; }

 private:
  struct List {
    std::vector<Value> values;
    Elements elements;
  };
  struct Map {
    std::vector<MapEntry> pairs;
    Entries entries;
  };

  Value convert(const nlohmann::json& node);
  Value convert_list(const nlohmann::json& node);
  Value convert_map(const nlohmann::json& node);

  const std::shared_ptr<const nlohmann::json> json_;
  std::forward_list<List> lists_;  // which do not move
  std::forward_list<Map> maps_;
  Value value_;
};

}  // namespace bulkhead::conditions
