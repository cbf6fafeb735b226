#pragma once

// Reads an OpenAPI document into a Model. Of this folder.

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/compiler.hpp"
#include "contracts/model.hpp"

namespace bulkhead::contracts {

class Reader {
 public:
  // `root` is borrowed for the Reader's life.
  Reader(const Node& root, std::string_view file);
  Result<std::shared_ptr<const Model>> read();

 private:
  // A node and where it stands, references followed.
  struct Place {
    const Node* node = nullptr;
    std::string pointer;
    Place at(std::string_view token) const;
  };

  Result<Dialect> dialect() const;
  Result<> read_root();
  Result<> read_components();
  Result<> read_path(const std::string& path, const Place& item);
  Result<> read_operation(const std::string& path, const std::string& method, const Place& item,
                          const Place& operation);
  Result<> read_parameters(const Place& list, Operation& operation, bool overrides);
  Result<Parameter> read_parameter(const Place& place);
  Result<> read_style(const Place& place, Parameter& parameter);
  Result<> check_templates(const Place& operation, const std::vector<Segment>& segments, Operation& into) const;
  Result<> read_body(const Place& place, BodyRules& body);
  Result<std::vector<MediaType>> read_content(const Place& content, bool in_parameter);
  Result<> read_responses(const Place& place, Operation& operation);
  Result<> read_resources(const Place& operation, Operation& into);
  Result<> read_security(const Place& place, Operation& operation);
  Result<> settle();
  Result<> settle_sensitive();
  Result<> settle_parameter(Parameter& parameter);
  Result<> settle_resource(const Operation& operation, const ResourceRules& resource) const;

  Result<Place> follow(Place place) const;
  Result<Index> schema(const Place& place);
  Result<> allow_only(const Place& place, std::initializer_list<std::string_view> names) const;
  Result<> expect(const Place& place, Kind kind) const;
  void note(std::string text);
  template <class... Args>
  std::unexpected<Fault> refuse(const Place& place, Cause cause, fmt::format_string<Args...> format,
                                Args&&... args) const {
    return refused(place, cause, fmt::format(format, std::forward<Args>(args)...));
  }
  std::unexpected<Fault> refused(const Place& place, Cause cause, const std::string& what) const;

  const Node& root_;
  std::string file_;
  bool is_31_ = false;
  std::unique_ptr<Identifiers> identifiers_;
  std::unique_ptr<Compiler> compiler_;
  std::shared_ptr<Model> model_ = std::make_shared<Model>();
};

}  // namespace bulkhead::contracts
