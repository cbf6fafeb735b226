#include "jose/token_tree.hpp"

#include <bit>
#include <cstring>

namespace bulkhead::jose {

namespace {

constexpr std::string_view kSignedTree = "bulkhead token tree\n";  // no JWS has a line's end in what is signed
constexpr std::size_t kSignature = 64;
constexpr std::size_t kHash = sizeof(Digest);

std::string_view view(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

// Of one thread.
class Hasher {
 public:
  Digest leaf(std::string_view token) { return of('\0', token, {}); }
  Digest node(std::string_view left, std::string_view right) { return of('\1', left, right); }

 private:
  Digest of(char kind, std::string_view first, std::string_view second) {
    text_.assign(1, kind);
    text_ += first;
    text_ += second;
    return sha256_(text_);
  }
  Sha256 sha256_;
  std::string text_;
};

Hasher& hasher() {
  thread_local Hasher hasher;
  return hasher;
}

// The root of `leaves`; each one's way there is added to `ways`.
Digest build(std::span<const Digest> leaves, std::span<std::string> ways) {
  if (leaves.size() == 1) return leaves.front();
  const std::size_t half = std::bit_floor(leaves.size() - 1);
  const Digest left = build(leaves.first(half), ways.first(half));
  const Digest right = build(leaves.subspan(half), ways.subspan(half));
  for (std::string& way : ways.first(half)) way += view(right);
  for (std::string& way : ways.subspan(half)) way += view(left);
  return hasher().node(view(left), view(right));
}

std::string signed_text(std::size_t leaves, const Digest& root) {
  std::string text(kSignedTree);
  text += static_cast<char>(leaves);
  text += view(root);
  return text;
}

}  // namespace

TokenTree make_token_tree(std::span<const std::string> tokens) {
  std::vector<Digest> leaves;
  for (const std::string& token : tokens) leaves.push_back(hasher().leaf(token));
  TokenTree tree;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tree.after_root.push_back({static_cast<char>(i), static_cast<char>(tokens.size())});
  tree.signed_text = signed_text(tokens.size(), build(leaves, tree.after_root));
  return tree;
}

// RFC 9162 §2.1.3.2.
std::optional<std::string> signed_text_of(std::string_view token, std::string_view after_root) {
  if (after_root.size() < 2 || (after_root.size() - 2) % kHash != 0) return std::nullopt;
  const auto index = static_cast<std::size_t>(static_cast<unsigned char>(after_root[0]));
  const auto leaves = static_cast<std::size_t>(static_cast<unsigned char>(after_root[1]));
  if (leaves == 0 || leaves > kMostLeaves || index >= leaves) return std::nullopt;
  std::size_t at = index, last = leaves - 1;
  Digest hash = hasher().leaf(token);
  for (std::string_view rest = after_root.substr(2); !rest.empty(); rest.remove_prefix(kHash)) {
    if (last == 0) return std::nullopt;
    const std::string_view other = rest.substr(0, kHash);
    if ((at & 1U) != 0 || at == last) {
      hash = hasher().node(other, view(hash));
      while ((at & 1U) == 0 && at != 0) at >>= 1U, last >>= 1U;
    } else {
      hash = hasher().node(view(hash), other);
    }
    at >>= 1U;
    last >>= 1U;
  }
  if (last != 0) return std::nullopt;
  return signed_text(leaves, hash);
}

std::size_t SignedTrees::Hash::operator()(const Digest& digest) const {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

bool SignedTrees::verify(const Key& key, std::string_view token, std::string_view signature) {
  if (key.algorithm() != Algorithm::es256 || signature.size() < kSignature) return false;
  const auto text = signed_text_of(token, signature.substr(kSignature));
  if (!text) return false;
  signature = signature.substr(0, kSignature);
  std::string all = *text;  // of a fixed length, as the signature is
  all += signature;
  all += key.id();
  const Digest digest = sha256_(all);
  if (known_.contains(digest)) return true;
  if (!key.verify(*text, signature)) return false;
  if (order_.size() == kMost) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  known_.insert(digest);
  order_.push_back(digest);
  return true;
}

}  // namespace bulkhead::jose
