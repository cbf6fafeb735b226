#include "compartments/root.hpp"

#include <memory>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compartments/secret_files.hpp"

namespace bulkhead::compartments {
namespace {

constexpr const char* kScratch = "/tmp";  // where the new root hangs until it is the root; exists everywhere

// `path` below the new root, whatever links lie on the way.
Result<Fd> open_inside(int root, const std::string& path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd < 0) return os_fail("open " + path + " in the new root");
  return Fd(static_cast<int>(fd));
}

struct Split {
  std::string parent, name;
};
Split split(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Result<> make_inside(int root, const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const Split part = split(path.substr(0, end));
    if (!part.name.empty()) {
      const auto parent = open_inside(root, part.parent, O_PATH | O_DIRECTORY);
      if (!parent) return fail(parent.error());
      if (mkdirat(parent->get(), part.name.c_str(), 0755) != 0 && errno != EEXIST) {
        return os_fail("make " + path + " in the new root");
      }
    }
    if (end == std::string::npos) return {};
  }
}

Result<> write_inside(int root, const std::string& path, std::string_view content) {
  const Split part = split(path);
  if (const auto made = make_inside(root, part.parent); !made) return made;
  const auto parent = open_inside(root, part.parent, O_PATH | O_DIRECTORY);
  if (!parent) return fail(parent.error());
  const Fd file(openat(parent->get(), part.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file && errno == EEXIST) return {};
  if (!file || write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return os_fail("write " + path + " in the new root");
  }
  return {};
}

Result<> link_inside(int root, const Link& link) {
  const Split part = split(link.path);
  if (const auto made = make_inside(root, part.parent); !made) return made;
  const auto parent = open_inside(root, part.parent, O_PATH | O_DIRECTORY);
  if (!parent) return fail(parent.error());
  if (symlinkat(link.content.c_str(), parent->get(), part.name.c_str()) != 0 && errno != EEXIST) {
    return os_fail("link " + link.path + " in the new root");
  }
  return {};
}

Result<> attach(int root, int tree, const std::string& target) {
  const auto place = open_inside(root, target, O_PATH);
  if (!place) return fail(place.error());
  if (move_mount(tree, "", place->get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return os_fail("mount " + target);
  }
  return {};
}

Result<> attach_bind(int root, const Bind& bind, int tree) {
  struct stat status{};
  if (fstat(tree, &status) != 0) return os_fail("look at " + bind.source);
  const auto made = S_ISDIR(status.st_mode) ? make_inside(root, bind.target) : write_inside(root, bind.target, "");
  if (!made) {
    return fail(within("mounts: " + bind.source + " at " + bind.target, made.error()));
  }
  return attach(root, tree, bind.target);
}

Result<> mount_new(int root, const char* type, const std::string& target, unsigned long flags,
                   const std::string& options) {
  const auto place = open_inside(root, target, O_PATH | O_DIRECTORY);
  if (!place) return fail(place.error());
  const std::string path = "/proc/self/fd/" + std::to_string(place->get());
  if (mount(type, path.c_str(), type, flags, options.c_str()) != 0)
    return os_fail("mount " + target + " (" + type + ")");
  return {};
}

Result<> set_flags(int tree, std::uint64_t set, unsigned how) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.propagation = MS_PRIVATE;
  if (mount_setattr(tree, "", AT_EMPTY_PATH | how, &attributes, sizeof attributes) != 0)
    return os_fail("mount_setattr");
  return {};
}

Result<Fd> open_tree_of(const Bind& bind) {
  Fd tree(open_tree(AT_FDCWD, bind.source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree) return os_fail("bind " + bind.source);
  std::uint64_t flags = MOUNT_ATTR_NOSUID;
  if (!bind.writable) flags |= MOUNT_ATTR_RDONLY;
  if (!bind.device) flags |= MOUNT_ATTR_NODEV;
  if (bind.device) flags |= MOUNT_ATTR_NOEXEC;
  if (const auto set = set_flags(tree.get(), flags, AT_RECURSIVE); !set) return fail(within(bind.source, set.error()));
  return tree;
}

Result<> fill(int root, const RootPlan& plan, const std::vector<Fd>& trees) {
  for (const auto& link : plan.links) {
    if (const auto made = link_inside(root, link); !made) return made;
  }
  for (const auto& file : plan.files) {
    if (const auto made = write_inside(root, file.path, file.content); !made) return made;
  }
  for (std::size_t i = 0; i < trees.size(); ++i) {
    if (const auto done = attach_bind(root, plan.binds[i], trees[i].get()); !done) return done;
  }
  return {};
}

// /proc/sys and its like, read-only on top of themselves. The service has no right to write them anyway: its uid owns
// none.
Result<> protect_proc(int root) {
  for (const char* path : {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"}) {
    const auto place = open_inside(root, path, O_PATH);
    if (!place) continue;
    const Fd tree(open_tree(place->get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
    if (!tree) return os_fail(std::string("bind ") + path);
    if (const auto set = set_flags(tree.get(), MOUNT_ATTR_RDONLY, 0); !set) return set;
    if (move_mount(tree.get(), "", place->get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
      return os_fail(std::string("protect ") + path);
    }
  }
  return {};
}

Result<> mount_kernel_file_systems(int root, std::uint64_t tmp_bytes) {
  constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV;
  const std::string bound = "size=" + std::to_string(tmp_bytes) + ",nr_inodes=65536,mode=1777";
  if (const auto done = mount_new(root, "proc", "/proc", kPlain | MS_NOEXEC, "hidepid=invisible"); !done) {
    if (done.error().os_error != EINVAL) return done;
    const auto plain = mount_new(root, "proc", "/proc", kPlain | MS_NOEXEC, "");
    if (!plain) return plain;
  }
  if (const auto done = protect_proc(root); !done) return done;
  if (const auto done = mount_new(root, "tmpfs", "/tmp", kPlain, bound); !done) return done;
  if (const auto done = mount_new(root, "tmpfs", "/dev/shm", kPlain | MS_NOEXEC, bound); !done) return done;
  if (const auto done = mount_new(root, "tmpfs", "/run", kPlain | MS_NOEXEC, "size=1m,nr_inodes=1024,mode=1777");
      !done) {
    return done;
  }
  return mount_new(root, "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
}

// A tmpfs, and upon it the same once more, read-only: that is what programs see, and nobody there can take it away.
Result<Fd> mount_secrets(int root) {
  const std::string target(kSecretsDirectory);
  if (const auto made = make_inside(root, target); !made) return fail(made.error());
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (const auto done = mount_new(root, "tmpfs", target, kFlags, kSecretsOptions); !done) return fail(done.error());
  auto directory = open_inside(root, target, O_RDONLY | O_DIRECTORY);
  if (!directory) return directory;
  const Fd tree(open_tree(directory->get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!tree) return os_fail("bind " + target);
  if (const auto set = set_flags(tree.get(), MOUNT_ATTR_RDONLY, 0); !set) return fail(set.error());
  if (const auto attached = attach(root, tree.get(), target); !attached) return fail(attached.error());
  return directory;
}

// Gives a directory's entries that are the launcher's to the service. They are when the service had no uid of its own
// until now; a new volume is empty.
Result<> own_entries(int directory) {
  const Fd copy(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(dup(copy.get())), &closedir);
  if (entries == nullptr) return os_fail("read the volume");
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    struct stat status{};
    if (name == "." || name == ".." || fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (status.st_uid == kServiceId) continue;
    if (fchownat(directory, entry->d_name, kServiceId, kServiceId, AT_SYMLINK_NOFOLLOW) != 0) {
      return os_fail(fmt::format("give {} in the volume to the service", name));
    }
    if (!S_ISDIR(status.st_mode)) continue;
    const Fd inner(openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner) return os_fail("open a directory of the volume");
    if (const auto done = own_entries(inner.get()); !done) return done;
  }
  return {};
}

Result<> own_volume(int root) {
  const auto volume = open_inside(root, std::string(kDataDirectory), O_RDONLY | O_DIRECTORY);
  if (!volume) return fail(volume.error());
  struct stat status{};
  if (fstat(volume->get(), &status) != 0) return os_fail("look at the volume");
  if (status.st_uid == kServiceId && status.st_gid == kServiceId) return {};
  if (const auto done = own_entries(volume->get()); !done) return done;
  if (fchown(volume->get(), kServiceId, kServiceId) != 0) {
    return os_fail("give the volume to the service (it belongs to another service or user)");
  }
  return {};
}

}  // namespace

Result<std::vector<Fd>> open_trees(const RootPlan& plan) {
  std::vector<Fd> trees;
  trees.reserve(plan.binds.size());
  for (const auto& bind : plan.binds) {
    auto tree = open_tree_of(bind);
    if (!tree) return fail(tree.error());
    trees.push_back(std::move(*tree));
  }
  return trees;
}

Result<Fd> enter_root(const RootPlan& plan, const std::vector<Fd>& trees, std::uint64_t tmp_bytes, bool with_secrets) {
  if (mount("tmpfs", kScratch, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,nr_inodes=4096,mode=0755") != 0) {
    return os_fail("mount the new root");
  }
  const Fd root(open(kScratch, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root || fchdir(root.get()) != 0) return os_fail("open the new root");
  for (const auto& directory : plan.directories) {
    if (const auto made = make_inside(root.get(), directory); !made) return fail(made.error());
  }
  // Before the binds: a mount of the manifest's may lie below /tmp or /run.
  if (const auto done = mount_kernel_file_systems(root.get(), tmp_bytes); !done) return fail(done.error());
  if (const auto done = fill(root.get(), plan, trees); !done) return fail(done.error());
  auto secrets = with_secrets ? mount_secrets(root.get()) : Result<Fd>(Fd());
  if (!secrets) return secrets;
  bool has_volume = false;
  for (const auto& bind : plan.binds) has_volume = has_volume || bind.target == kDataDirectory;
  if (has_volume) {
    if (const auto done = own_volume(root.get()); !done) return fail(done.error());
  }
  if (syscall(SYS_pivot_root, ".", ".") != 0) return os_fail("pivot_root");
  if (umount2(".", MNT_DETACH) != 0) return os_fail("leave the old root");
  if (chdir("/") != 0) return os_fail("enter the new root");
  const Fd new_root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (const auto set = set_flags(new_root.get(), MOUNT_ATTR_RDONLY, 0); !set) return fail(set.error());
  return secrets;
}

}  // namespace bulkhead::compartments
