#include "identity/authority.hpp"

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "identity/certificate.hpp"

namespace bulkhead::identity {
namespace {

using std::chrono::hours;

constexpr auto kRootLife = hours(24 * 3650);
constexpr auto kIntermediateLife = hours(24 * 365);
// So that peers whose clocks are late, and a clock that is set back a little, find them valid.
constexpr auto kAuthorityBackdate = hours(24);
constexpr auto kSvidBackdate = std::chrono::minutes(1);

constexpr Profile kRootProfile{"critical,CA:TRUE,pathlen:1", "critical,keyCertSign,cRLSign", nullptr};
constexpr Profile kIntermediateProfile{"critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", nullptr};
constexpr Profile kSvidProfile{"critical,CA:FALSE", "critical,digitalSignature", "serverAuth,clientAuth"};

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Whoever can write here could be anyone in the mesh; whoever can read, too.
Result<> check_private(const std::string& path, mode_t forbidden, const char* remedy) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return os_fail(path);
  if (S_ISLNK(info.st_mode)) return fail(Cause::denied, "{} is a symbolic link; put the file itself there", path);
  if (info.st_uid != ::geteuid()) {
    return fail(Cause::denied, "{} belongs to user {} and not to {}; chown it", path, info.st_uid, ::geteuid());
  }
  if ((info.st_mode & forbidden) != 0) {
    return fail(Cause::denied, "{} has mode {:04o}, open to others; run: {} {}", path, info.st_mode & 07777U, remedy,
                path);
  }
  return {};
}

Result<std::string> read_private(const std::string& path) {
  if (const auto checked = check_private(path, 0077, "chmod 600"); !checked) return fail(checked.error());
  return read_file(path);
}

struct Stored {
  net::OpensslPtr<X509> certificate;
  net::PrivateKey key;
  std::string pem;
};

Result<Stored> load_pair(const std::string& certificate_path, const std::string& key_path) {
  auto pem = read_private(certificate_path);
  if (!pem) return fail(pem.error());
  auto certificates = net::certificates_from_pem(*pem);
  if (!certificates) return fail(within(certificate_path, certificates.error()));
  const auto key_pem = read_private(key_path);
  if (!key_pem) return fail(key_pem.error());
  auto key = net::private_key_from_pem(*key_pem);
  if (!key) return fail(within(key_path, key.error()));
  if (X509_check_private_key(certificates->front().get(), key->get()) != 1) {
    (void)net::openssl_error();
    return fail(Cause::invalid, "{} is not the key of {}", key_path, certificate_path);
  }
  return Stored{std::move(certificates->front()), std::move(*key), std::move(*pem)};
}

// The key first: a certificate without its key could never be repaired.
Result<> store_pair(const std::string& certificate_path, const std::string& key_path, const Stored& stored) {
  const auto key_pem = private_key_pem(stored.key);
  if (!key_pem) return fail(key_pem.error());
  if (const auto written = write_file_atomically(key_path, *key_pem, 0600); !written) return written;
  return write_file_atomically(certificate_path, stored.pem, 0600);
}

Result<Stored> make_pair(const char* subject, const SpiffeId& domain, Validity validity, const Profile& profile,
                         X509* issuer, EVP_PKEY* issuer_key) {
  auto key = generate_key();
  if (!key) return fail(key.error());
  const Draft draft{subject, domain, key->get(), validity, profile};
  auto made = sign_certificate(draft, issuer, issuer_key != nullptr ? issuer_key : key->get());
  if (!made) return fail(made.error());
  auto pem = certificate_pem(*made->certificate);
  if (!pem) return fail(pem.error());
  return Stored{std::move(made->certificate), std::move(*key), std::move(*pem)};
}

Result<SpiffeId> domain_id(const std::string& trust_domain) { return SpiffeId::parse("spiffe://" + trust_domain); }

Result<> check_domain(X509& root, const std::string& path, const std::string& trust_domain) {
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&root, NID_subject_alt_name, nullptr, nullptr)));
  const GENERAL_NAME* name = names ? sk_GENERAL_NAME_value(names.get(), 0) : nullptr;
  const std::string_view found =
      name != nullptr && name->type == GEN_URI ? text_of(name->d.uniformResourceIdentifier) : std::string_view();
  if (found == "spiffe://" + trust_domain) return {};
  return fail(Cause::conflict, "{} is the root of {}, not of spiffe://{}; use another state directory", path,
              found.empty() ? "something else" : found, trust_domain);
}

}  // namespace

Result<Authority> Authority::open_or_create(const std::string& directory, std::string_view trust_domain,
                                            WallClock clock) {
  if (const auto checked = check_trust_domain(trust_domain); !checked) return fail(checked.error());
  if (const auto made = make_directories(directory, 0700); !made) return fail(made.error());
  if (const auto checked = check_private(directory, 0022, "chmod 700"); !checked) return fail(checked.error());
  Authority authority(directory, std::string(trust_domain), std::move(clock));
  if (const auto loaded = authority.load_or_create_root(); !loaded)
    return fail(within("certificate authority", loaded.error()));
  if (const auto loaded = authority.load_or_create_intermediate(); !loaded) {
    return fail(within("certificate authority", loaded.error()));
  }
  return authority;
}

Result<> Authority::load_or_create_root() {
  const std::string certificate_path = directory_ + "/root.pem";
  const std::string key_path = directory_ + "/root.key";
  const WallTime now = clock_();
  Result<Stored> root;
  if (exists(certificate_path)) {
    root = load_pair(certificate_path, key_path);
  } else {
    const auto domain = domain_id(trust_domain_);
    if (!domain) return fail(domain.error());
    root = make_pair("Bulkhead root", *domain, {now - kAuthorityBackdate, now + kRootLife}, kRootProfile, nullptr,
                     nullptr);
    if (!root) return fail(root.error());
    if (const auto stored = store_pair(certificate_path, key_path, *root); !stored) return stored;
  }
  if (!root) return fail(root.error());
  if (const auto checked = check_domain(*root->certificate, certificate_path, trust_domain_); !checked) return checked;
  root_ = {std::move(root->certificate), std::move(root->key)};
  bundle_pem_ = std::move(root->pem);
  return check_root_life();
}

Result<> Authority::check_root_life() const {
  const auto life = validity_of(*root_.certificate);
  if (!life) return fail(life.error());
  const WallTime now = clock_();
  if (now < life->not_before) return fail(Cause::invalid, "the clock is before the root's life; set it right");
  if (now >= life->not_after) {
    return fail(Cause::invalid, "{}/root.pem has expired; remove the directory to begin a new trust", directory_);
  }
  return {};
}

Result<> Authority::load_or_create_intermediate() {
  const std::string certificate_path = directory_ + "/intermediate.pem";
  const std::string key_path = directory_ + "/intermediate.key";
  if (!exists(certificate_path) || !exists(key_path)) return create_intermediate();
  auto loaded = load_pair(certificate_path, key_path);
  // Between writing the new key and the new certificate the process may have ended; the root can always sign another.
  if (!loaded && loaded.error().cause == Cause::invalid) return create_intermediate();
  if (!loaded) return fail(loaded.error());
  if (X509_verify(loaded->certificate.get(), root_.key.get()) != 1) {
    (void)net::openssl_error();
    return create_intermediate();
  }
  intermediate_ = {std::move(loaded->certificate), std::move(loaded->key)};
  intermediate_pem_ = std::move(loaded->pem);
  return intermediate_is_due() ? create_intermediate() : Result<>{};
}

Result<> Authority::create_intermediate() {
  const auto domain = domain_id(trust_domain_);
  if (!domain) return fail(domain.error());
  const auto root_life = validity_of(*root_.certificate);
  if (!root_life) return fail(root_life.error());
  const WallTime now = clock_();
  const Validity validity{std::max(now - kAuthorityBackdate, root_life->not_before),
                          std::min(now + kIntermediateLife, root_life->not_after)};
  auto made = make_pair("Bulkhead intermediate", *domain, validity, kIntermediateProfile, root_.certificate.get(),
                        root_.key.get());
  if (!made) return fail(made.error());
  const auto stored = store_pair(directory_ + "/intermediate.pem", directory_ + "/intermediate.key", *made);
  if (!stored) return stored;
  intermediate_ = {std::move(made->certificate), std::move(made->key)};
  intermediate_pem_ = std::move(made->pem);
  return {};
}

bool Authority::intermediate_is_due() const {
  const auto life = validity_of(*intermediate_.certificate);
  const WallTime now = clock_();
  if (!life || now < life->not_before) return true;
  const auto root_life = validity_of(*root_.certificate);
  // Near the root's own end a new one would not live longer.
  if (root_life && life->not_after >= root_life->not_after) return now >= life->not_after;
  return now >= life->not_before + (life->not_after - life->not_before) * 2 / 3;
}

Result<Svid> Authority::sign(std::string_view request_pem, const SpiffeId& id, std::chrono::seconds ttl) {
  if (id.trust_domain() != trust_domain_ || id.path().empty()) {
    return fail(Cause::denied, "\"{}\" is no workload of the trust domain {}", id.text(), trust_domain_);
  }
  if (ttl <= std::chrono::seconds(0)) return fail(Cause::invalid, "a certificate's life must be above zero");
  const auto request = parse_certificate_request(request_pem);
  if (!request) return fail(request.error());
  if (request->requested && *request->requested != id) {
    return fail(Cause::denied, "{} asks to be {}", id.text(), request->requested->text());
  }
  if (const auto alive = check_root_life(); !alive) return fail(alive.error());
  if (intermediate_is_due()) {
    if (const auto created = create_intermediate(); !created) return fail(created.error());
  }
  const auto life = validity_of(*intermediate_.certificate);
  if (!life) return fail(life.error());
  const WallTime now = clock_();
  // Whole seconds, as certificates have them.
  const auto end = std::chrono::floor<std::chrono::seconds>(std::min<WallTime>(now + ttl, life->not_after));
  const auto begin = std::chrono::floor<std::chrono::seconds>(now - kSvidBackdate);
  const Draft draft{"", id, request->public_key.get(), {begin, end}, kSvidProfile};
  auto made = sign_certificate(draft, intermediate_.certificate.get(), intermediate_.key.get());
  if (!made) return fail(made.error());
  const auto pem = certificate_pem(*made->certificate);
  if (!pem) return fail(pem.error());
  return Svid{id, *pem + intermediate_pem_, begin, end, std::move(made->serial)};
}

}  // namespace bulkhead::identity
