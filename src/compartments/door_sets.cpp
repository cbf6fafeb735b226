#include "compartments/door_sets.hpp"

#include <array>
#include <cstring>
#include <span>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

constexpr std::size_t kMostDoors = 65'536;
constexpr std::size_t kDoorsInAMessage = 500;  // a netlink attribute has at most 65,535 bytes

struct PackedDoor {
  std::array<unsigned char, 16> address{};
  std::uint16_t port = 0;  // host order
  std::uint8_t six = 0;
  std::uint8_t unused = 0;
};

// Netlink messages one after the other, attributes nested in each.
class Batch {
 public:
  void begin(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource) {
    message_ = bytes_.size();
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = ++count_;
    append(&header, sizeof header);
    const nfgenmsg generic{family, NFNETLINK_V0, htons(resource)};
    append(&generic, sizeof generic);
  }
  void add(std::uint16_t type, const void* data, std::size_t size) {
    const nlattr attribute{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
    append(&attribute, sizeof attribute);
    append(data, size);
  }
  void add(std::uint16_t type, std::string_view text) { add(type, std::string(text).c_str(), text.size() + 1); }
  std::size_t open(std::uint16_t type) {
    const std::size_t at = bytes_.size();
    const nlattr attribute{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)};
    append(&attribute, sizeof attribute);
    return at;
  }
  void close(std::size_t at) {
    const auto size = static_cast<std::uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &size, sizeof size);
  }
  void end() {
    const auto size = static_cast<std::uint32_t>(bytes_.size() - message_);
    std::memcpy(bytes_.data() + message_, &size, sizeof size);
  }
  // The last message is answered even if it is well.
  void want_answer() {
    nlmsghdr header{};
    std::memcpy(&header, bytes_.data() + message_, sizeof header);
    header.nlmsg_flags |= NLM_F_ACK;
    std::memcpy(bytes_.data() + message_, &header, sizeof header);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void append(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }

  std::string bytes_;
  std::size_t message_ = 0;
  std::uint32_t count_ = 0;
};

constexpr std::uint16_t type_of(std::uint16_t message) {
  return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | message);
}

void name_set(Batch& batch, std::string_view set) {
  batch.add(NFTA_SET_ELEM_LIST_TABLE, "bulkhead");
  batch.add(NFTA_SET_ELEM_LIST_SET, set);
}

// The key of an element: address and port, each padded to 32 bits.
std::string key_of(const PackedDoor& door) {
  std::string key(reinterpret_cast<const char*>(door.address.data()), door.six != 0 ? 16 : 4);
  const std::uint16_t port = htons(door.port);
  key.append(reinterpret_cast<const char*>(&port), sizeof port);
  key.append(2, '\0');
  return key;
}

void replace_set(Batch& batch, std::string_view set, const std::vector<PackedDoor>& doors) {
  batch.begin(type_of(NFT_MSG_DELSETELEM), 0, NFPROTO_INET, 0);  // no element named: all of them
  name_set(batch, set);
  batch.end();
  for (std::size_t first = 0; first < doors.size(); first += kDoorsInAMessage) {
    batch.begin(type_of(NFT_MSG_NEWSETELEM), NLM_F_CREATE, NFPROTO_INET, 0);
    name_set(batch, set);
    const std::size_t list = batch.open(NFTA_SET_ELEM_LIST_ELEMENTS);
    for (const PackedDoor& door : std::span(doors).subspan(first, std::min(kDoorsInAMessage, doors.size() - first))) {
      const std::size_t element = batch.open(NFTA_LIST_ELEM);
      const std::size_t key = batch.open(NFTA_SET_ELEM_KEY);
      const std::string bytes = key_of(door);
      batch.add(NFTA_DATA_VALUE, bytes.data(), bytes.size());
      batch.close(key);
      batch.close(element);
    }
    batch.close(list);
    batch.end();
  }
}

Result<PackedDoor> packed(const Door& door) {
  PackedDoor made;
  made.port = door.port;
  if (inet_pton(AF_INET, door.address.c_str(), made.address.data()) == 1) return made;
  made.six = 1;
  if (inet_pton(AF_INET6, door.address.c_str(), made.address.data()) == 1) return made;
  return fail(Cause::invalid, "door {}:{}: not a numeric address", door.address, door.port);
}

// The kernel answers a batch that failed with what failed first, and one that is in force with the acknowledgement of
// its last change, which asks for it (not of its end, which kernels before 6.10 do not answer).
Result<> exchange(const std::string& batch) {
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket) return os_fail("open a netlink socket");
  const int size = static_cast<int>(batch.size() * 2);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  const timeval patience{2, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (send(socket.get(), batch.data(), batch.size(), 0) < 0) return os_fail("change the packet filter");
  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, 512> rest;
  } reply{};
  const ssize_t got = recv(socket.get(), &reply, sizeof reply, 0);
  if (got < static_cast<ssize_t>(sizeof reply.header + sizeof(int))) return os_fail("change the packet filter");
  if (reply.header.nlmsg_type != NLMSG_ERROR) return fail(Cause::protocol, "the packet filter did not answer");
  if (reply.error.error != 0) return os_fail("change the packet filter", -reply.error.error);
  return {};
}

}  // namespace

Result<Fd> pack_doors(const std::vector<Door>& doors) {
  if (doors.size() > kMostDoors)
    return fail(Cause::exhausted, "{} doors, above the limit of {}", doors.size(), kMostDoors);
  std::string bytes;
  for (const Door& door : doors) {
    const auto made = packed(door);
    if (!made) return fail(made.error());
    bytes.append(reinterpret_cast<const char*>(&*made), sizeof *made);
  }
  Fd file(memfd_create("bulkhead-doors", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return os_fail("memfd_create");
  if (write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return os_fail("write doors");
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return os_fail("seal doors");
  return file;
}

Result<std::vector<Door>> read_doors(const Fd& file) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return os_fail("read doors");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size % sizeof(PackedDoor) != 0 || size / sizeof(PackedDoor) > kMostDoors)
    return fail(Cause::protocol, "the doors are cut");
  std::vector<PackedDoor> all(size / sizeof(PackedDoor));
  if (pread(file.get(), all.data(), size, 0) != status.st_size) return os_fail("read doors");
  std::vector<Door> doors;
  for (const PackedDoor& each : all) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(each.six != 0 ? AF_INET6 : AF_INET, each.address.data(), text.data(), text.size()) == nullptr)
      return os_fail("read doors");
    doors.push_back({text.data(), each.port});
  }
  return doors;
}

Result<> replace_doors(const std::vector<Door>& doors) {
  std::vector<PackedDoor> four;
  std::vector<PackedDoor> six;
  for (const Door& door : doors) {
    const auto made = packed(door);
    if (!made) return fail(made.error());
    (made->six != 0 ? six : four).push_back(*made);
  }
  Batch batch;
  batch.begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  batch.end();
  replace_set(batch, "doors4", four);
  replace_set(batch, "doors6", six);
  batch.want_answer();
  batch.begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  batch.end();
  return exchange(batch.bytes());
}

}  // namespace bulkhead::compartments
