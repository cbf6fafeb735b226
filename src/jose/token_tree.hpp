#pragma once

// One signature for many tokens. Those that are signed together are the leaves of a Merkle tree (RFC 9162 §2.1.1),
// whose root is signed; in place of a signature each token has the root's, and the hashes by which its leaf leads to
// the root (§2.1.3). Who has verified one of them verifies the others by hashing.
//
//   leaf       SHA-256(0, header.payload)          as RFC 9162 has it, so that no leaf is a node
//   node       SHA-256(1, left, right)
//   signed     kSignedTree, the number of leaves as one octet, the root
//   signature  ES256's 64 octets; the leaf's index and the number of leaves, one octet each; the hashes, leaf first
//
// Its `alg` is kTreeAlgorithm, which is no algorithm of JOSE's: nobody else takes it for a signature of the token. Only
// whoever asks for it accepts it.

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "jose/digest.hpp"
#include "jose/key.hpp"

namespace bulkhead::jose {

inline constexpr std::string_view kTreeAlgorithm = "ES256-TREE";
inline constexpr std::size_t kMostLeaves = 64;

struct TokenTree {
  std::string signed_text;              // what ES256 signs
  std::vector<std::string> after_root;  // of each leaf what stands behind the signature
};

// Of header and payload of each token, in compact form; 1 to kMostLeaves.
TokenTree make_token_tree(std::span<const std::string> tokens);

// What the root's signature is of, by what one token says of its tree; nothing where that is no tree.
std::optional<std::string> signed_text_of(std::string_view token, std::string_view after_root);

// Signatures of trees that were verified. Use one for each set of keys. One thread.
class SignedTrees {
 public:
  // Whether `key` has signed the tree that `token`, header and payload, stands in by `signature`.
  bool verify(const Key& key, std::string_view token, std::string_view signature);

 private:
  static constexpr std::size_t kMost = 1024;
  struct Hash {
    std::size_t operator()(const Digest& digest) const;
  };

  Sha256 sha256_;
  std::unordered_set<Digest, Hash> known_;  // of the key's id, the signature and what is signed
  std::deque<Digest> order_;                // oldest first
};

}  // namespace bulkhead::jose
