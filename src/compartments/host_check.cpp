#include "compartments/host_check.hpp"

#include <array>
#include <span>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compartments/init.hpp"
#include "compartments/namespaces.hpp"
#include "compartments/rights.hpp"
#include "compartments/root.hpp"
#include "compartments/uids.hpp"

namespace bulkhead::compartments {
namespace {

std::string setting(const std::string& name) {
  const auto text = read_file("/proc/sys/" + name, 64);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

// The sentence for a failure that was met, by what is known to cause it.
NotEnforced explain_namespaces(const Fault& fault) {
  if (setting("kernel/unprivileged_userns_clone") == "0") {
    return {"sealing", "this kernel forbids user namespaces to ordinary users",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1"};
  }
  if (setting("user/max_user_namespaces") == "0") {
    return {"sealing", "this host allows no user namespaces at all", "sudo sysctl -w user.max_user_namespaces=15000"};
  }
  return {"sealing", "user namespaces can't be made here: " + fault.message,
          "run on a kernel with CONFIG_USER_NS, outside of a container that forbids unshare"};
}

NotEnforced explain_sealing(const std::string& reason) {
  if (setting("kernel/apparmor_restrict_unprivileged_userns") == "1" && geteuid() != 0) {
    return {"sealing", "AppArmor takes the rights from user namespaces of ordinary users (" + reason + ")",
            access("/etc/apparmor.d/bulkhead", F_OK) == 0
                ? "sudo apparmor_parser -r /etc/apparmor.d/bulkhead, and run /usr/bin/bulkhead"
                : "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"};
  }
  if (reason.find("nft is not installed") != std::string::npos) {
    return {"sealing", "nft, which sets the packet filter, is not installed", "sudo apt install nftables"};
  }
  if (reason.find("packet filter") != std::string::npos || reason.find("packet log") != std::string::npos) {
    return {"sealing", "this kernel can't filter as needed (" + reason + ")",
            "sudo modprobe -a nf_tables nft_tproxy nft_reject_inet nft_log nfnetlink_log"};
  }
  if (reason.find("(proc)") != std::string::npos) {
    return {"sealing", "a new /proc can't be mounted, as this one is partly hidden: " + reason,
            "when in a container, start it with --security-opt systempaths=unconfined"};
  }
  if (geteuid() == 0 && reason.find("Operation not permitted") != std::string::npos) {
    return {"sealing", "root lacks its rights here, as in most containers (" + reason + ")",
            "run on the host itself, or start the container with --privileged"};
  }
  return {"sealing", reason, "run on the host itself if this is a container, else report it with the kernel's version"};
}

// A whole compartment, built and thrown away: what the check says is what a service will meet.
std::optional<NotEnforced> try_to_seal(const Ids& ids) {
  Compartment compartment;
  compartment.ids = ids;
  compartment.command = {"true"};
  compartment.hostname = "check";
  compartment.doors = {{"198.18.1.1", 80}, {"::1", 80}};
  const RootPlan plan = plan_root(compartment);
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) return std::nullopt;
  const Fd ours(pair[0]);
  InitOptions options;
  options.keeper = Fd(pair[1]);
  if (geteuid() == 0) {
    auto trees = open_trees(plan);
    if (!trees) return explain_sealing(trees.error().message);
    options.trees = std::move(*trees);
  }
  const auto child = fork_into_namespaces();
  if (!child) return explain_namespaces(child.error());
  if (*child == 0) run_init(compartment, plan, std::move(options));
  options.keeper.reset();
  std::optional<NotEnforced> problem;
  InitMessage message{InitMessage::Kind::mapped};
  if (const auto mapped = write_id_maps(*child, ids); !mapped) {
    problem = NotEnforced{"sealing", mapped.error().message, "check this user's lines in /etc/subuid and /etc/subgid"};
  } else {
    std::ignore = send_with_rights(ours.get(), std::as_bytes(std::span(&message, 1)), {});
    const auto answer = receive_with_rights(ours.get(), std::as_writable_bytes(std::span(&message, 1)));
    message.text.back() = '\0';
    if (!answer || answer->size != sizeof message) {
      problem = explain_sealing("the compartment's init ended without a word");
    } else if (message.kind != InitMessage::Kind::sealed) {
      problem = explain_sealing(message.text.data());
    }
  }
  kill(*child, SIGKILL);
  while (waitpid(*child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return problem;
}

}  // namespace

NotEnforced own_uid_not_enforced() {
  return {"own uid",
          "services run as the launcher's uid, because this user has no subordinate ids or newuidmap is missing",
          "sudo apt install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"};
}

HostReport check_host() {
  HostReport report;
  const auto ids = choose_ids("", "bulkhead", "check", {});
  if (!ids) {
    report.fatal.push_back({"own uid", ids.error().message, "mend that line"});
    return report;
  }
  if (ids->mapping == IdMapping::single) report.degraded.push_back(own_uid_not_enforced());
  if (auto problem = try_to_seal(*ids)) report.fatal.push_back(std::move(*problem));
  return report;
}

}  // namespace bulkhead::compartments
