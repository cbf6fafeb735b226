#include "discovery/registry.hpp"

namespace bulkhead::discovery {

bool Registry::put(Instance instance) {
  Instance& slot = instances_[instance.id];
  if (slot == instance) return false;
  slot = std::move(instance);
  return true;
}

bool Registry::remove(const std::string& id) { return instances_.erase(id) > 0; }

bool Registry::set_ready(const std::string& id, bool ready) {
  const auto it = instances_.find(id);
  if (it == instances_.end() || it->second.ready == ready) return false;
  it->second.ready = ready;
  return true;
}

bool Registry::set_share(const std::string& id, std::uint32_t share) {
  const auto it = instances_.find(id);
  if (it == instances_.end() || it->second.share == share) return false;
  it->second.share = share;
  return true;
}

const Instance* Registry::find(const std::string& id) const {
  const auto it = instances_.find(id);
  return it == instances_.end() ? nullptr : &it->second;
}

std::vector<Instance> Registry::of(const std::string& service) const {
  std::vector<Instance> found;
  for (const auto& [id, instance] : instances_)
    if (instance.service == service) found.push_back(instance);
  return found;
}

}  // namespace bulkhead::discovery
