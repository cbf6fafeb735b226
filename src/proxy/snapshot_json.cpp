#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "proxy/snapshot.hpp"
#include "proxy/snapshot_check.hpp"
#include "proxy/snapshot_members.hpp"

namespace bulkhead::proxy {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxText = 1U << 20U;
constexpr std::size_t kMaxList = 10'000;
constexpr manifest::Duration kMaxDuration = std::chrono::days(366);

template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;

template <class Enum>
struct Values;
template <>
struct Values<Role> {
  static constexpr std::array all{Role::sidecar, Role::gateway};
};
template <>
struct Values<DoorKind> {
  static constexpr std::array all{DoorKind::upstream, DoorKind::egress};
};
template <>
struct Values<Protocol> {
  static constexpr std::array all{Protocol::http, Protocol::grpc, Protocol::tcp};
};
template <>
struct Values<Scheme> {
  static constexpr std::array all{Scheme::http, Scheme::https, Scheme::tcp};
};
template <>
struct Values<HealthKind> {
  static constexpr std::array all{HealthKind::http, HealthKind::grpc, HealthKind::tcp};
};
template <>
struct Values<manifest::Limit::Per> {
  static constexpr std::array all{manifest::Limit::Per::all, manifest::Limit::Per::address,
                                  manifest::Limit::Per::header, manifest::Limit::Per::user};
};
template <>
struct Values<manifest::AnswerMode> {
  static constexpr std::array all{manifest::AnswerMode::filter, manifest::AnswerMode::report,
                                  manifest::AnswerMode::off};
};
template <>
struct Values<Handling> {
  static constexpr std::array all{Handling::http, Handling::tcp, Handling::tls_through};
};

class Writer {
 public:
  template <class T>
  static json write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return json(std::string(to_string(value)));
    } else if constexpr (std::is_same_v<T, policy::Edge>) {
      return policy::to_json(value);
    } else if constexpr (kIsOptional<T>) {
      return value ? write(*value) : json(nullptr);
    } else if constexpr (std::is_same_v<T, manifest::Duration>) {
      return json(static_cast<std::uint64_t>(value.count()));
    } else if constexpr (std::is_same_v<T, manifest::Share>) {
      return json(value.of_ten_thousand);
    } else if constexpr (std::is_same_v<T, manifest::Port>) {
      return json(value.number);
    } else if constexpr (std::is_same_v<T, std::string> || std::is_arithmetic_v<T>) {
      return json(value);
    } else if constexpr (requires { value.begin(); }) {
      json list = json::array();
      for (const auto& item : value) list.push_back(write(item));
      return list;
    } else {
      Writer writer;
      members(writer, value);
      return std::move(writer.object_);
    }
  }

  template <class T>
  void operator()(const char* key, const T& value) {
    object_[key] = write(value);
  }

 private:
  json object_ = json::object();
};

// Reads one object; the first fault of the whole snapshot stays.
class Reader {
 public:
  Reader(const json& value, std::string path, std::optional<Fault>& fault)
      : value_(value), path_(std::move(path)), fault_(fault) {
    if (!value.is_object()) refuse(path_, "is no object");
  }

  template <class T>
  void operator()(const char* key, T& member) {
    if (fault_) return;
    keys_.emplace_back(key);
    const auto found = value_.find(key);
    if (found == value_.end()) return refuse(path_ + "." + key, "is missing");
    read(*found, path_ + "." + key, member);
  }

  void finish() {
    if (fault_ || value_.size() == keys_.size()) return;
    for (const auto& item : value_.items()) {
      if (std::ranges::find(keys_, item.key()) == keys_.end()) refuse(path_, "has an unknown member " + item.key());
    }
  }

 private:
  void refuse(const std::string& path, std::string_view what) {
    if (!fault_) fault_ = Fault{Cause::invalid, fmt::format("{} {}", path, what)};
  }

  template <class T>
  void read(const json& value, const std::string& path, T& member) {
    if constexpr (std::is_same_v<T, std::string>) {
      read_text(value, path, member);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!value.is_boolean()) return refuse(path, "is neither true nor false");
      member = value.get<bool>();
    } else if constexpr (kIsOptional<T>) {
      if (value.is_null()) return member.reset();
      read(value, path, member.emplace());
    } else if constexpr (std::is_same_v<T, manifest::Duration>) {
      std::uint64_t count = 0;
      read(value, path, count);
      if (count > static_cast<std::uint64_t>(kMaxDuration.count())) return refuse(path, "is longer than a year");
      member = manifest::Duration(static_cast<std::int64_t>(count));
    } else if constexpr (std::is_same_v<T, manifest::Share>) {
      read(value, path, member.of_ten_thousand);
    } else if constexpr (std::is_same_v<T, manifest::Port>) {
      read(value, path, member.number);
    } else if constexpr (std::is_enum_v<T>) {
      read_enum(value, path, member);
    } else if constexpr (std::is_unsigned_v<T>) {
      const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() <= std::numeric_limits<T>::max();
      if (!fits) return refuse(path, "is not a number in its range");
      member = value.get<T>();
    } else if constexpr (std::is_same_v<T, policy::Edge>) {
      auto edge = policy::edge_from_json(value);
      if (!edge) return refuse(path, ": " + edge.error().message);
      member = std::move(*edge);
    } else if constexpr (requires { member.begin(); }) {
      read_list(value, path, member);
    } else {
      Reader reader(value, path, fault_);
      members(reader, member);
      reader.finish();
    }
  }

  void read_text(const json& value, const std::string& path, std::string& member) {
    if (!value.is_string()) return refuse(path, "is no text");
    member = value.get<std::string>();
    if (member.size() > kMaxText || member.find('\0') != std::string::npos) refuse(path, "is no usable text");
  }

  template <class Enum>
  void read_enum(const json& value, const std::string& path, Enum& member) {
    if (!value.is_string()) return refuse(path, "is no text");
    const auto& text = value.get_ref<const std::string&>();
    for (const Enum candidate : Values<Enum>::all) {
      if (to_string(candidate) != text) continue;
      member = candidate;
      return;
    }
    refuse(path, "has an unknown value");
  }

  template <class T>
  void read_list(const json& value, const std::string& path, std::vector<T>& member) {
    if (!value.is_array()) return refuse(path, "is no list");
    if (value.size() > kMaxList) return refuse(path, "is too long");
    member.resize(value.size());
    for (std::size_t i = 0; i < member.size() && !fault_; ++i)
      read(value[i], fmt::format("{}[{}]", path, i), member[i]);
  }

  const json& value_;
  std::string path_;
  std::optional<Fault>& fault_;
  std::vector<std::string_view> keys_;
};

}  // namespace

std::string_view to_string(Role role) { return role == Role::sidecar ? "sidecar" : "gateway"; }
std::string_view to_string(DoorKind kind) { return kind == DoorKind::upstream ? "upstream" : "egress"; }

json to_json(const Snapshot& snapshot) { return Writer::write(snapshot); }

Result<Snapshot> snapshot_from_json(const json& value) {
  std::optional<Fault> fault;
  Snapshot snapshot;
  Reader reader(value, "snapshot", fault);
  members(reader, snapshot);
  reader.finish();
  if (fault) return fail(std::move(*fault));
  if (auto checked = check_snapshot(snapshot); !checked) return fail(std::move(checked.error()));
  return snapshot;
}

Result<Snapshot> parse_snapshot(std::string_view text) {
  const auto value = policy::read_json(text);
  if (!value) return fail(within("snapshot", value.error()));
  return snapshot_from_json(*value);
}

std::string content_hash(const Snapshot& snapshot) {
  const std::string text = to_json(snapshot).dump(-1, ' ', false, json::error_handler_t::replace);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hash = "sha256:";
  for (unsigned i = 0; i < size; ++i) fmt::format_to(std::back_inserter(hash), "{:02x}", digest[i]);
  return hash;
}

}  // namespace bulkhead::proxy
