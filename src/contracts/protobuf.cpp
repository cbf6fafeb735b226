#include "contracts/protobuf.hpp"

#include "base/release.hpp"
#include "contracts/message_check.hpp"
#include "contracts/protobuf_compiler.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::size_t kKeptValues = 16'384;  // of what a check compared: more is given back

// A length in exactly `octets`, which it fits into: programs take one that is longer than it has to be.
void append_length(std::string& out, std::size_t at, std::uint64_t size, std::size_t octets) {
  for (std::size_t i = 0; i < octets; ++i, size >>= 7U)
    out[at + i] = static_cast<char>((size & 0x7fU) | (i + 1 < octets ? 0x80U : 0U));
}

}  // namespace

MessageChecker::MessageChecker() : memory_(std::make_unique<MessageMemory>()) {}
MessageChecker::~MessageChecker() = default;
MessageChecker::MessageChecker(MessageChecker&&) noexcept = default;
MessageChecker& MessageChecker::operator=(MessageChecker&&) noexcept = default;

void append_declared(std::string& out, const ProtoModel& model, Index type, std::string_view bytes) {
  Wire wire(bytes);
  while (!wire.done()) {
    const char* start = wire.at();
    WireField field;
    if (!wire.tag(field.number, field.type)) return;
    const char* behind_tag = wire.at();
    if (!wire.value(field, kDeepestMessage)) return;
    const ProtoField* known = model.messages[type].find(field.number);
    if (known == nullptr) continue;
    if (!is_message(known->type)) {
      out.append(start, wire.at());
      continue;
    }
    // The tag, and of a length its octets, whose number stays.
    out.append(std::string_view(start, static_cast<std::size_t>(field.text.data() - start)));
    const std::size_t inside = out.size();
    append_declared(out, model, known->of, field.text);
    const auto octets = static_cast<std::size_t>(field.text.data() - behind_tag);
    append_length(out, inside - octets, out.size() - inside, octets);
    out.append(field.text.data() + field.text.size(), wire.at());
  }
}

std::string to_string(const MessageFailure& failure) {
  std::string text = fmt::format("{} {}", failure.path.empty() ? "the message" : failure.path, failure.what);
  if (!failure.rule.empty()) text += fmt::format(" ({})", failure.rule);
  return text;
}

Result<ProtobufContract> ProtobufContract::read(std::string_view descriptors, std::string_view file) {
  const auto indexed = Descriptors::read(descriptors);
  if (!indexed) return fail(within(file, indexed.error()));
  auto model = compile_protobuf(*indexed);
  if (!model) return fail(within(file, std::move(model.error())));
  return ProtobufContract(std::move(*model));
}

const ProtoMethod* ProtobufContract::method(std::string_view target) const {
  const auto found = model_->methods.find(target);
  return found != model_->methods.end() ? &found->second : nullptr;
}

bool ProtobufContract::has_service_of(std::string_view target) const {
  const std::string_view service = target.substr(0, target.rfind('/') + 1);
  const auto next = model_->methods.lower_bound(service);
  return service.size() > 1 && next != model_->methods.end() && next->first.starts_with(service);
}

std::string_view ProtobufContract::name(const ProtoMethod& method) { return method.name; }
bool ProtobufContract::client_streams(const ProtoMethod& method) { return method.client_streams; }
bool ProtobufContract::server_streams(const ProtoMethod& method) { return method.server_streams; }

std::optional<MessageFailure> ProtobufContract::check_request(const ProtoMethod& method, std::string_view message,
                                                              MessageChecker& checker) const {
  MessageCheck check(*model_, *checker.memory_, MessageCheck::Direction::request);
  auto report = check.run(method.input, message);
  if (checker.memory_->compared.capacity() > kKeptValues) release(checker.memory_->compared);
  return std::move(report.failure);
}

MessageReport ProtobufContract::check_response(const ProtoMethod& method, std::string_view message,
                                               MessageChecker& checker, std::string* filtered) const {
  MessageCheck check(*model_, *checker.memory_, MessageCheck::Direction::response);
  auto report = check.run(method.output, message);
  if (checker.memory_->compared.capacity() > kKeptValues) release(checker.memory_->compared);
  if (filtered == nullptr) return report;
  filtered->clear();
  if (report.readable && report.dropped_count > 0) append_declared(*filtered, *model_, method.output, message);
  return report;
}

}  // namespace bulkhead::contracts
