#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// Who is there: the instances of an application's services, where their sidecars' inner doors are, and which are ready.
// Plain data that the controller keeps and that snapshots are made from; it survives a controller as JSON.
namespace bulkhead::discovery {

struct Instance {
  std::string id;       // "catalog-2"
  std::string service;  // "catalog"
  std::string address;  // "unix:/path" or "tcp:HOST:PORT"
  bool ready = false;
  std::uint32_t share = 0;  // of the service's requests, in ten thousandths, while it is on trial; 0: as the others

  bool operator==(const Instance&) const = default;
};

class Registry {
 public:
  // Each says whether anything changed, so that nobody is told twice.
  bool put(Instance instance);
  bool remove(const std::string& id);
  bool set_ready(const std::string& id, bool ready);
  bool set_share(const std::string& id, std::uint32_t share);

  const Instance* find(const std::string& id) const;
  std::vector<Instance> of(const std::string& service) const;  // by id
  const std::map<std::string, Instance>& all() const { return instances_; }

 private:
  std::map<std::string, Instance> instances_;
};

}  // namespace bulkhead::discovery
