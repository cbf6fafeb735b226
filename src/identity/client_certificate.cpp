#include "identity/client_certificate.hpp"

#include <algorithm>
#include <array>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "identity/certificate.hpp"

namespace bulkhead::identity {
namespace {

using Kind = ClientName::Kind;

constexpr std::size_t kMostAnchors = 64;
constexpr std::size_t kMostNames = 32;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestIssuer = 1024;
constexpr int kMostBetween = 4;
constexpr int kAuthLevel = 2;  // SSL_CTX_set_security_level(3)
constexpr std::array<std::string_view, 4> kKinds{"uri", "email", "dns", "common_name"};

struct StoreContextDelete {
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};
using StoreContext = std::unique_ptr<X509_STORE_CTX, StoreContextDelete>;

std::unexpected<Fault> unfit(std::string_view why) { return fail(Cause::denied, "{}", why); }

// X509_verify_cert takes a leaf that says nothing for one that is good for everything.
Result<> check_client_use(X509& leaf) {
  const std::uint32_t flags = X509_get_extension_flags(&leaf);
  if ((flags & EXFLAG_CA) != 0) return unfit("it is an authority's");
  const bool said = (flags & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(&leaf) & XKU_SSL_CLIENT) != 0;
  return said ? Result<>() : unfit("its extended key usage is not for clients (clientAuth)");
}

// Those that it brought besides the leaf. Borrowed.
struct BorrowedStackDelete {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using BorrowedStack = std::unique_ptr<STACK_OF(X509), BorrowedStackDelete>;

BorrowedStack behind_leaf(const net::PeerCertificates& presented) {
  BorrowedStack stack(sk_X509_new_null());
  for (const auto& each : presented.behind)
    if (stack) sk_X509_push(stack.get(), each.get());
  return stack;
}

Result<WallTime> end_of(const STACK_OF(X509) * chain) {
  WallTime end = WallTime::max();
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto validity = validity_of(*sk_X509_value(chain, i));
    if (!validity) return fail(validity.error());
    end = std::min(end, validity->not_after);
  }
  return end;
}

bool is_printable(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && text.front() != ' ' && text.back() != ' ' &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

bool has_the_form_of(Kind kind, std::string_view text) {
  const bool colon = text.contains(':');
  if (kind == Kind::uri) return colon;
  return !colon && text.contains('@') == (kind == Kind::email);
}

Result<> add_name(std::vector<ClientName>& names, Kind kind, std::string_view text) {
  if (!is_printable(text) || !has_the_form_of(kind, text))
    return fail(Cause::denied, "its {} is not 1 to {} of printable ASCII in the form of one", to_string(kind),
                kLongestName);
  if (names.size() == kMostNames) return fail(Cause::denied, "it has more than {} names", kMostNames);
  std::string name(text);
  if (kind == Kind::dns)
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  names.push_back({kind, std::move(name)});
  return {};
}

std::optional<Kind> kind_of(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_URI: return Kind::uri;
    case GEN_EMAIL: return Kind::email;
    case GEN_DNS: return Kind::dns;
    default: return std::nullopt;
  }
}

Result<> add_alternative_names(const X509& leaf, std::vector<ClientName>& into) {
  int critical = -1;
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&leaf, NID_subject_alt_name, &critical, nullptr)));
  if (!names) return critical == -1 ? Result<>() : unfit("its alternative names can't be read");
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    const auto kind = kind_of(*name);
    if (!kind) continue;
    if (auto added = add_name(into, *kind, text_of(name->d.ia5)); !added) return added;
  }
  return {};
}

// The most specific one stands last. Nobody has to be called by it, so that one of other letters is none.
void add_common_name(const X509& leaf, std::vector<ClientName>& into) {
  const X509_NAME* subject = X509_get_subject_name(&leaf);
  int at = -1;
  for (int next = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); next >= 0;
       next = X509_NAME_get_index_by_NID(subject, NID_commonName, at))
    at = next;
  if (at < 0) return;
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return;
  std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  CRYPTO_free(utf8, nullptr, 0);  // OPENSSL_free() would write this file's path into the program
  if (is_printable(name)) into.push_back({Kind::common_name, std::move(name)});
}

}  // namespace

Result<ClientAnchors> ClientAnchors::parse(std::string_view pem) {
  const auto certificates = net::certificates_from_pem(pem);
  if (!certificates) return fail(certificates.error());
  if (certificates->size() > kMostAnchors)
    return fail(Cause::invalid, "{} certificates; at most {} are taken", certificates->size(), kMostAnchors);
  ClientAnchors anchors;
  anchors.store_.reset(X509_STORE_new());
  for (std::size_t i = 0; anchors.store_ && i < certificates->size(); ++i) {
    X509* anchor = (*certificates)[i].get();
    if (X509_check_ca(anchor) != 1) return fail(Cause::invalid, "certificate {} is not an authority's", i + 1);
    if (X509_STORE_add_cert(anchors.store_.get(), anchor) != 1) return openssl_fail("keep a trust anchor");
  }
  ERR_clear_error();
  if (!anchors.store_) return openssl_fail("keep trust anchors");
  return anchors;
}

Result<WallTime> ClientAnchors::verify(const net::PeerCertificates& presented, WallTime now) const {
  if (!presented.leaf) return unfit("there is none");
  if (auto checked = check_client_use(*presented.leaf); !checked) return fail(std::move(checked.error()));
  ERR_clear_error();
  const StoreContext context(X509_STORE_CTX_new());
  const BorrowedStack behind = behind_leaf(presented);
  if (!context || !behind || X509_STORE_CTX_init(context.get(), store_.get(), presented.leaf.get(), behind.get()) != 1)
    return openssl_fail("verify a certificate");
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_auth_level(rules, kAuthLevel);
  X509_VERIFY_PARAM_set_depth(rules, kMostBetween);
  X509_VERIFY_PARAM_set_time(rules, std::chrono::system_clock::to_time_t(now));
  const bool verified = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (!verified) return unfit(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
  return end_of(X509_STORE_CTX_get0_chain(context.get()));
}

std::string_view to_string(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::optional<Kind> parse_client_name_kind(std::string_view text) {
  const auto found = std::ranges::find(kKinds, text);
  return found == kKinds.end() ? std::nullopt : std::optional(static_cast<Kind>(found - kKinds.begin()));
}

Result<std::vector<ClientName>> client_names(X509& leaf) {
  std::vector<ClientName> names;
  ERR_clear_error();
  auto added = add_alternative_names(leaf, names);
  add_common_name(leaf, names);
  ERR_clear_error();
  if (!added) return fail(std::move(added.error()));
  return names;
}

const ClientName* subject_of(const std::vector<ClientName>& names, std::optional<Kind> kind) {
  const auto first = [&](Kind wanted) -> const ClientName* {
    const auto found = std::ranges::find(names, wanted, &ClientName::kind);
    return found == names.end() ? nullptr : &*found;
  };
  if (kind) return first(*kind);
  for (const Kind each : {Kind::uri, Kind::email, Kind::dns})
    if (const ClientName* found = first(each)) return found;
  return nullptr;
}

std::string issuer_text(const X509& leaf) {
  const net::OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));
  // Escapes whatever is not printable ASCII.
  if (!bio || X509_NAME_print_ex(bio.get(), X509_get_issuer_name(&leaf), 0, XN_FLAG_RFC2253) < 0) return "";
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, std::min(static_cast<std::size_t>(std::max(size, 0L)), kLongestIssuer)};
}

std::string serial_text(const X509& leaf) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(&leaf);
  std::string text;
  const unsigned char* octets = ASN1_STRING_get0_data(serial);
  for (int i = 0; i < std::min(ASN1_STRING_length(serial), 64); ++i) text += fmt::format("{:02x}", octets[i]);
  return text;
}

}  // namespace bulkhead::identity
