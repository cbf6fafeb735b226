#include "discovery/dns.hpp"

#include <algorithm>

namespace bulkhead::discovery {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kOurUdpSize = 1232;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxLabel = 63;

// Reads forward through a message; `good` turns false at its end and stays so.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint8_t octet() {
    if (rest_.empty()) {
      good_ = false;
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint16_t number() {
    const unsigned high = octet();
    const unsigned low = octet();
    return static_cast<std::uint16_t>(high << 8U | low);
  }
  std::string_view bytes(std::size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// Host names, service labels and their like; a dot inside a label would be read as two labels.
bool is_label_octet(char c) {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_';
}

Result<std::string> read_name(Reader& reader) {
  std::string name;
  for (std::size_t total = 1;; ++total) {
    const std::size_t size = reader.octet();
    if (!reader.good() || size > kMaxLabel) return fail(Cause::invalid, "a label is compressed, too long or cut off");
    if (size == 0) return name;
    total += size;
    if (total > kMaxName) return fail(Cause::invalid, "the name is above {} bytes", kMaxName);
    const std::string_view label = reader.bytes(size);
    if (!reader.good() || !std::ranges::all_of(label, is_label_octet)) {
      return fail(Cause::invalid, "a label is cut off or holds an odd byte");
    }
    if (!name.empty()) name += '.';
    std::ranges::transform(label, std::back_inserter(name), lower);
  }
}

void append_number(std::uint32_t number, std::string& out) {
  out += static_cast<char>(number >> 8U & 0xffU);
  out += static_cast<char>(number & 0xffU);
}

// The one additional record that a query may have.
Result<> read_opt(Reader& reader, DnsQuery& query) {
  const std::uint8_t root = reader.octet();
  const std::uint16_t type = reader.number();
  const std::uint16_t size = reader.number();
  const std::uint8_t extended_code = reader.octet();
  const std::uint8_t version = reader.octet();
  reader.number();  // flags: DNSSEC OK changes nothing here
  reader.bytes(reader.number());
  if (!reader.good() || root != 0 || type != kOpt || extended_code != 0 || version != 0) {
    return fail(Cause::invalid, "the additional record is not an OPT of version 0");
  }
  query.edns = true;
  query.udp_size = std::clamp<std::uint16_t>(size, 512, 4096);
  return {};
}

struct Header {
  std::uint16_t id, flags, questions, answers, authorities, additional;
  bool is_answer() const { return (flags & 0x8000U) != 0; }
  unsigned opcode() const { return flags >> 11U & 0xfU; }
};

Header read_header(Reader& reader) {
  Header header{};
  header.id = reader.number();
  header.flags = reader.number();
  header.questions = reader.number();
  header.answers = reader.number();
  header.authorities = reader.number();
  header.additional = reader.number();
  return header;
}

// QR, AA, RD as asked, RA (so that no resolver library warns), the code.
std::uint32_t answer_flags(bool recursion_desired, bool truncated, DnsCode code) {
  return 0x8480U | (truncated ? 0x0200U : 0U) | (recursion_desired ? 0x0100U : 0U) | static_cast<std::uint32_t>(code);
}

bool fits(const DnsAddress& address, std::uint16_t type) {
  return type == kDnsAny || type == (address.v6 ? kDnsAaaa : kDnsA);
}

void append_address(const DnsAddress& address, std::uint32_t ttl_seconds, std::string& out) {
  append_number(0xc000U | kHeaderSize, out);  // the question's name
  append_number(address.v6 ? kDnsAaaa : kDnsA, out);
  append_number(kClassIn, out);
  append_number(ttl_seconds >> 16U, out);
  append_number(ttl_seconds & 0xffffU, out);
  const std::size_t size = address.v6 ? 16 : 4;
  append_number(static_cast<std::uint32_t>(size), out);
  out.append(reinterpret_cast<const char*>(address.bytes.data()), size);
}

void append_opt(std::string& out) {
  out += '\0';
  append_number(kOpt, out);
  append_number(kOurUdpSize, out);
  append_number(0, out);
  append_number(0, out);
  append_number(0, out);
}

}  // namespace

Result<DnsQuery> parse_dns_query(std::string_view message) {
  Reader reader(message);
  const Header header = read_header(reader);
  if (!reader.good()) return fail(Cause::invalid, "a DNS message has at least {} bytes", kHeaderSize);
  if (header.is_answer()) return fail(Cause::invalid, "it is an answer");
  if (header.opcode() != 0) return fail(Cause::unsupported, "opcode {} is not a query", header.opcode());
  const bool counts = header.questions == 1 && header.answers == 0 && header.authorities == 0 && header.additional <= 1;
  if (!counts || (header.flags & 0x0200U) != 0) return fail(Cause::invalid, "it is not one whole question");
  DnsQuery query;
  query.id = header.id;
  query.recursion_desired = (header.flags & 0x0100U) != 0;
  Result<std::string> name = read_name(reader);
  if (!name) return fail(std::move(name.error()));
  query.name = std::move(*name);
  query.type = reader.number();
  const std::uint16_t class_of_question = reader.number();
  if (!reader.good()) return fail(Cause::invalid, "the question is cut off");
  if (class_of_question != kClassIn) return fail(Cause::unsupported, "class {} is not IN", class_of_question);
  query.question = message.substr(kHeaderSize, message.size() - kHeaderSize - reader.rest().size());
  if (header.additional == 1) {
    const Result<> opt = read_opt(reader, query);
    if (!opt) return fail(opt.error());
  }
  if (!reader.rest().empty()) return fail(Cause::invalid, "bytes follow the question");
  return query;
}

std::string refuse_dns_query(std::string_view message) {
  Reader reader(message);
  const Header header = read_header(reader);
  if (!reader.good() || header.is_answer()) return {};
  const Result<DnsQuery> query = parse_dns_query(message);
  const bool unsupported = !query && query.error().cause == Cause::unsupported;
  const DnsCode code = unsupported ? DnsCode::not_implemented : DnsCode::format_error;
  std::string out;
  append_number(header.id, out);
  append_number(answer_flags((header.flags & 0x0100U) != 0, false, code) | header.opcode() << 11U, out);
  out.append(8, '\0');
  return out;
}

std::string answer_dns_query(const DnsQuery& query, DnsCode code, const std::vector<DnsAddress>& addresses,
                             std::uint32_t ttl_seconds, std::size_t limit) {
  std::string records;
  std::uint32_t count = 0;
  bool truncated = false;
  const std::size_t room = limit - std::min(limit, kHeaderSize + query.question.size() + (query.edns ? 11U : 0U));
  for (const DnsAddress& address : addresses) {
    if (code != DnsCode::no_error || !fits(address, query.type)) continue;
    std::string record;
    append_address(address, ttl_seconds, record);
    truncated = records.size() + record.size() > room;
    if (truncated) break;
    records += record;
    ++count;
  }
  std::string out;
  append_number(query.id, out);
  append_number(answer_flags(query.recursion_desired, truncated, code), out);
  append_number(1, out);
  append_number(count, out);
  append_number(0, out);
  append_number(query.edns ? 1 : 0, out);
  out += query.question;
  out += records;
  if (query.edns) append_opt(out);
  return out;
}

std::string with_tcp_length(std::string_view message) {
  std::string out;
  append_number(static_cast<std::uint32_t>(message.size()), out);
  return out.append(message);
}

std::optional<std::string_view> tcp_message(std::string_view buffer) {
  Reader reader(buffer);
  const std::size_t size = reader.number();
  const std::string_view message = reader.bytes(size);
  if (!reader.good()) return std::nullopt;
  return message;
}

}  // namespace bulkhead::discovery
