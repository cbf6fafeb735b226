// One program; the role is the first argument. A person types the subcommands of src/cli; the platform starts the
// roles.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <signal.h>

#include "cli/commands.hpp"
#include "collect/collector.hpp"
#include "compartments/confine.hpp"
#include "compartments/keeper.hpp"
#include "control/controller.hpp"
#include "control/partner.hpp"
#include "gateway/gateway.hpp"
#include "proxy/sidecar.hpp"

namespace {

using namespace bulkhead;

constexpr int kSpecFd = 3;  // where a keeper finds its spec
constexpr int kLinkFd = 3;  // where a sidecar or gateway finds its keeper

std::string own_path() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

// What a sidecar or gateway takes from itself before it serves. What this kernel lacks `status` shows; what fails is
// fatal.
Result<std::vector<NotEnforced>> confine(const proxy::Footprint& footprint) {
  return compartments::confine_platform_process({footprint.read_write, footprint.read_only});
}

// `bulkhead controller --app NAME`, `bulkhead warden --app NAME`
std::string app_of(int argc, char** argv) {
  return argc == 4 && std::string_view(argv[2]) == "--app" ? argv[3] : std::string();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  ::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
  // `bulkhead keeper --state FD`: a keeper that has become another build of this program.
  if (role == "keeper" && argc == 4) return compartments::keeper_goes_on(std::atoi(argv[3]));  // NOLINT(cert-err34-c)
  if (role == "keeper") return compartments::keeper_main(kSpecFd);
  if (role == "sidecar") return proxy::sidecar_main(kLinkFd, confine);
  if (role == "gateway") return gateway::gateway_main(kLinkFd, confine);
  if (role == "collector") return collect::collector_main(kLinkFd, confine);
  if (role == "controller") return control::controller_main(app_of(argc, argv), own_path());
  if (role == "warden") return control::warden_main(app_of(argc, argv), own_path());
  return cli::run(argc, argv);
}
