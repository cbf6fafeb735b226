#include "proxy/hello.hpp"

#include <nlohmann/json.hpp>

#include "policy/model.hpp"

namespace bulkhead::proxy {

namespace {

using nlohmann::json;

std::string text_of(const json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_string() ? found->get<std::string>() : "";
}

bool is_true(const json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

Result<Hello> parse_hello(net::Frame frame) {
  const auto message = policy::read_json(frame.payload);
  if (!message) return fail(within("hello", message.error()));
  if (!message->is_object() || text_of(*message, "type") != "hello") return fail(Cause::protocol, "not a hello");
  Hello hello;
  hello.instance = text_of(*message, "instance");
  hello.app = text_of(*message, "app");
  hello.service = text_of(*message, "service");
  hello.trust_domain = text_of(*message, "trust_domain");
  hello.controller_socket = text_of(*message, "controller_socket");
  hello.inner = text_of(*message, "inner");
  hello.records = text_of(*message, "records");
  hello.otlp = text_of(*message, "otlp");
  const std::string role = text_of(*message, "role");
  if (role != "sidecar" && role != "gateway" && role != "collector")
    return fail(Cause::invalid, "hello: '{}' is no role", role);
  hello.role = role == "gateway" ? Role::gateway : Role::sidecar;
  if (const auto places = message->find("collect"); role == "collector" && places != message->end())
    hello.collect = {text_of(*places, "records"), text_of(*places, "logs"), text_of(*places, "store"),
                     text_of(*places, "console"), text_of(*places, "otlp"), is_true(*places, "exports")};
  for (const std::string* needed :
       {&hello.instance, &hello.app, &hello.service, &hello.trust_domain, &hello.controller_socket}) {
    if (needed->empty()) return fail(Cause::invalid, "hello: a member is missing");
  }
  const json names = message->value("fds", json::array());
  if (!names.is_array() || names.size() != frame.fds.size()) {
    return fail(Cause::invalid, "hello: {} descriptors came with {} names", frame.fds.size(), names.size());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].is_string()) return fail(Cause::invalid, "hello: a descriptor without a name");
    hello.fds[names[i].get<std::string>()] = std::move(frame.fds[i]);
  }
  return hello;
}

}  // namespace bulkhead::proxy
