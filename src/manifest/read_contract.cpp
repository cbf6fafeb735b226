// `contract` of a service: what it promises.

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::uint64_t kMostBody = 16U << 20U;

void read_response(Context& context, const Fields& fields, Contract& contract) {
  const auto text = fields.text("response");
  if (!text) return;
  for (const AnswerMode mode : {AnswerMode::filter, AnswerMode::report, AnswerMode::off}) {
    if (to_string(mode) != text->value) continue;
    contract.answers = mode;
    return;
  }
  refuse_value(context, *fields.find("response"), fields.what("response"), "what becomes of answers",
               "filter, report or off");
}

void read_body_limit(Context& context, const Fields& fields, Contract& contract) {
  const auto text = fields.text("max_body");
  if (!text) return;
  const auto size = parse_bytes(text->value);
  if (size && size->count > 0 && size->count <= kMostBody)
    contract.most_body = size->count;
  else
    refuse_value(context, *fields.find("max_body"), fields.what("max_body"), "a size above zero, at most 16 MiB",
                 "1MiB");
}

// What speaks anything else would pass unchecked.
void check_protocols(Context& context, const Fields& fields, const Service& service, const std::string& file) {
  const bool descriptors = contract_kind(file) == ContractKind::protobuf;
  const Protocol wanted = descriptors ? Protocol::grpc : Protocol::http;
  for (const DeclaredPort& port : service.ports) {
    if (port.protocol == wanted) continue;
    Mistake& mistake =
        context.report.add(fields.mark("contract"), "contract",
                           fmt::format("{}, and port {} of service '{}' speaks {}",
                                       descriptors ? "descriptors of Protocol Buffers are a contract of grpc"
                                                   : "an OpenAPI document is a contract of http",
                                       port.number.number, service.name, to_string(port.protocol)));
    if (port.protocol == Protocol::grpc)
      mistake.help.emplace_back("of grpc it is a .proto file or a descriptor set: .binpb, .pb or .protoset");
    else
      mistake.help.emplace_back("leave it out, or make two services of it");
    return;
  }
  if (service.ports.empty() && service.type == ServiceType::service)
    context.report.add(fields.mark("contract"), "no-port",
                       fmt::format("service '{}' has a contract and no port", service.name));
}

}  // namespace

void read_contract(Context& context, const Fields& fields, Service& service) {
  const Node* node = fields.find("contract");
  if (!node) return;
  Contract contract{.position = context.report.position(fields.mark("contract"))};
  if (node->kind == Node::Kind::map) {
    const Fields words(context, *node, Section::contract, fields.what("contract"));
    words.require("file", "an OpenAPI document, or descriptors of gRPC: file: openapi.yaml");
    words.read_text_into("file", contract.file);
    read_response(context, words, contract);
    read_body_limit(context, words, contract);
  } else {
    fields.read_text_into("contract", contract.file);
  }
  check_protocols(context, fields, service, contract.file);
  if (!contract.file.empty()) service.contract = std::move(contract);
}

}  // namespace bulkhead::manifest
