// A service that turned hostile: runs in a compartment as any service would and tries to get out. One line each:
//   what it tried|allowed
//   what it tried|denied EPERM
// It links nothing of ours: it has what an intruder has.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/securebits.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int kWaitMs = 1500;

// What an attempt found: 0 it worked, else why not.
using Attempt = std::function<int()>;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int result_of(long value) { return value < 0 ? errno : 0; }

// In a child, as some attempts change or kill the process that makes them.
void report(const std::string& name, const Attempt& attempt) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(5);
    _exit(attempt() & 0xFF);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::string verdict = "allowed";
  if (WIFSIGNALED(status)) verdict = std::string("denied SIG") + sigabbrev_np(WTERMSIG(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    const char* error = strerrorname_np(WEXITSTATUS(status));
    verdict = std::string("denied ") + (error == nullptr ? "?" : error);
  }
  std::printf("%s|%s\n", name.c_str(), verdict.c_str());
  std::fflush(stdout);
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
Address address_of(const char* text, int port) {
  Address address;
  auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(port));
    address.size = sizeof *four;
  } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(static_cast<std::uint16_t>(port));
    address.size = sizeof *six;
  }
  return address;
}

int wait_readable(int fd) {
  pollfd ready{fd, POLLIN, 0};
  return poll(&ready, 1, kWaitMs) == 1 ? 0 : ETIMEDOUT;
}

int dial_tcp(const char* text, int port) {
  const Address address = address_of(text, port);
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd ready{fd, POLLOUT, 0};
  if (poll(&ready, 1, kWaitMs) != 1) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// Allowed only when something comes back.
int dial_udp(const char* text, int port, bool broadcast = false) {
  const Address address = address_of(text, port);
  const int fd = socket(address.storage.ss_family, SOCK_DGRAM, 0);
  const int on = 1;
  if (broadcast) setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) return errno;
  if (send(fd, "x", 1, 0) < 0) return errno;
  if (const int error = wait_readable(fd)) return error;
  char byte = 0;
  return result_of(recv(fd, &byte, 1, 0));
}

int dial_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '\0' ? 0 : 1));
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    const int fd = socket(AF_UNIX, type, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return 0;
    if (errno != EPROTOTYPE) return errno;
  }
  return errno;
}

int open_for(const std::string& path, int flags) { return result_of(open(path.c_str(), flags, 0600)); }
int create(const std::string& path) { return open_for(path, O_WRONLY | O_CREAT); }
int overwrite(const std::string& path, const char* text) {
  const int fd = open(path.c_str(), O_WRONLY);
  if (fd < 0) return errno;
  return result_of(write(fd, text, std::strlen(text)));
}

int open_socket(int family, int type, int protocol) { return result_of(socket(family, type, protocol)); }

int add_route_address() {
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct {
    nlmsghdr header;
    ifaddrmsg message;
    rtattr attribute;
    in_addr address;
  } request{};
  request.header = {sizeof request, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 0, 0};
  request.message = {AF_INET, 32, 0, 0, 1};
  request.attribute = {sizeof(rtattr) + 4, IFA_LOCAL};
  request.address.s_addr = htonl(0x0A000001);
  send(fd, &request, sizeof request, 0);
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[256];
  } reply{};
  if (recv(fd, &reply, sizeof reply, 0) < 0) return errno;
  return -reply.error.error;
}

int transparent() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  return result_of(setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof on));
}

int foreign_abi() {
#ifdef __x86_64__
  long result = 0;
  // socket(AF_VSOCK, SOCK_STREAM, 0) by the 32-bit table (socket is 359), past a filter that looks at 64-bit numbers
  // only.
  asm volatile("int $0x80" : "=a"(result) : "a"(359), "b"(40), "c"(1), "d"(0) : "memory");
  return result < 0 ? static_cast<int>(-result) : 0;
#else
  return EPERM;
#endif
}

int x32() {
#ifdef __x86_64__
  return result_of(syscall(0x40000000 + SYS_getpid));
#else
  return EPERM;
#endif
}

int push_into_terminal() {
  const int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  if (terminal < 0) return errno;
  char byte = 'x';
  return result_of(ioctl(terminal, TIOCSTI, &byte));
}

int set_user_id() {
  // Whoever maps to itself already is no gain.
  if (setresuid(0, 0, 0) == 0) return 0;
  return errno;
}

int set_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
  return result_of(syscall(SYS_capset, &header, data));
}

// A set-user-ID program gains nothing when the mount says nosuid and the process can't gain privileges.
int set_user_id_program() {
  struct statvfs status{};
  if (statvfs("/usr", &status) != 0) return errno;
  const bool powerless = (status.f_flag & ST_NOSUID) != 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  return powerless ? EPERM : 0;
}

int read_memory_of(pid_t pid) {
  char byte = 0;
  iovec local{&byte, 1};
  iovec remote{reinterpret_cast<void*>(0x400000), 1};
  return result_of(process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

// Processes besides this one, its parent and its siblings.
int see_others() {
  int others = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const int pid = std::atoi(name.c_str());
    if (pid != getpid() && pid != getppid()) ++others;
  }
  return others == 0 ? ESRCH : 0;
}

int new_user_namespace() {
  const long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) _exit(0);
  return result_of(child);
}

int clone3_namespace() {
  struct {
    std::uint64_t flags, rest[10];
  } arguments{CLONE_NEWUSER, {}};
  const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) _exit(0);
  return result_of(child);
}

int enter_namespace(const char* path) {
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return errno;
  return result_of(setns(fd, 0));
}

int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // as servers do
  const Address address = address_of("0.0.0.0", port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) return errno;
  return result_of(listen(fd, 1));
}

// A connection to the peer, also one that just ended, is no reason why its port could not be listened on.
int listen_beside_a_connection(const char* peer, int port) {
  dial_tcp(peer, port);  // where it is declared
  return listen_on(port);
}

int steal_dns() {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const Address address = address_of("198.18.0.53", 53);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  return result_of(bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size));
}

int ask_dns() {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const Address address = address_of("198.18.0.53", 53);
  return result_of(sendto(fd, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address.storage), address.size));
}

void try_network() {
  const int host_port = std::atoi(environment("HOST_PORT").c_str());
  report("declared tcp 198.18.1.1:8080", [] { return dial_tcp("198.18.1.1", 8080); });
  report("declared tcp 127.0.0.1:4001", [] { return dial_tcp("127.0.0.1", 4001); });
  report("declared tcp 0.0.0.0:4001", [] { return dial_tcp("0.0.0.0", 4001); });
  report("declared tcp ::1:4001", [] { return dial_tcp("::1", 4001); });
  report("dns 198.18.0.53:53", ask_dns);
  report("listen on 80", [] { return listen_on(80); });
  report("listen on the peer's port 8080", [] { return listen_beside_a_connection("198.18.1.1", 8080); });
  report("take the dns address", steal_dns);
  report("undeclared peer 198.18.1.9:8080", [] { return dial_tcp("198.18.1.9", 8080); });
  report("undeclared port 198.18.1.1:9999", [] { return dial_tcp("198.18.1.1", 9999); });
  report("the door itself 198.18.0.54:1", [] { return dial_tcp("198.18.0.54", 1); });
  report("the door itself fdb8:b8::54:1", [] { return dial_tcp("fdb8:b8::54", 1); });
  report("host port 127.0.0.1", [=] { return dial_tcp("127.0.0.1", host_port); });
  report("host port ::1", [=] { return dial_tcp("::1", host_port); });
  report("host address", [=] { return dial_tcp(environment("HOST_ADDRESS").c_str(), host_port); });
  report("host port udp 127.0.0.1", [=] { return dial_udp("127.0.0.1", host_port); });
  report("internet tcp 1.1.1.1:443", [] { return dial_tcp("1.1.1.1", 443); });
  report("internet udp 8.8.8.8:53", [] { return dial_udp("8.8.8.8", 53); });
  report("internet tcp6 2606:4700::1111:443", [] { return dial_tcp("2606:4700::1111", 443); });
  report("internet udp6 2001:4860::8888:53", [] { return dial_udp("2001:4860::8888", 53); });
  report("metadata 169.254.169.254:80", [] { return dial_tcp("169.254.169.254", 80); });
  report("metadata fd00:ec2::254:80", [] { return dial_tcp("fd00:ec2::254", 80); });
  report("metadata 100.100.100.200:80", [] { return dial_tcp("100.100.100.200", 80); });
  report("broadcast 255.255.255.255", [] { return dial_udp("255.255.255.255", 67, true); });
  report("multicast 224.0.0.251", [] { return dial_udp("224.0.0.251", 5353); });
  report("raw socket", [] { return open_socket(AF_INET, SOCK_RAW, IPPROTO_TCP); });
  report("raw socket v6", [] { return open_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); });
  report("ping socket", [] { return open_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); });
  report("packet socket", [] { return open_socket(AF_PACKET, SOCK_RAW, htons(3)); });
  report("vsock", [] { return open_socket(AF_VSOCK, SOCK_STREAM, 0); });
  report("kernel crypto socket", [] { return open_socket(AF_ALG, SOCK_SEQPACKET, 0); });
  report("bluetooth socket", [] { return open_socket(AF_BLUETOOTH, SOCK_RAW, 0); });
  report("xdp socket", [] { return open_socket(AF_XDP, SOCK_RAW, 0); });
  report("sctp socket", [] { return open_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP); });
  report("mptcp socket", [] { return open_socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP); });
  report("netfilter netlink", [] { return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); });
  report("generic netlink", [] { return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC); });
  report("socket family with high bits", [] { return result_of(syscall(SYS_socket, 0x100000028L, SOCK_STREAM, 0)); });
  report("socket protocol with high bits",
         [] { return result_of(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0x10000000CL)); });
  report("route netlink socket", [] { return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); });
  report("add an address", add_route_address);
  report("transparent socket", transparent);
  report("io_uring", [] {
    char parameters[256] = {};
    return result_of(syscall(SYS_io_uring_setup, 4, parameters));
  });
}

void try_unix_sockets() {
  const std::string abstract = environment("HOST_ABSTRACT");
  report("host unix socket", [] { return dial_unix(environment("HOST_SOCKET")); });
  report("controller socket", [] { return dial_unix(environment("CONTROLLER_SOCKET")); });
  report("host abstract socket", [=] { return dial_unix(std::string(1, '\0') + abstract); });
  report("docker socket", [] { return dial_unix("/run/docker.sock"); });
  report("system bus", [] { return dial_unix("/run/dbus/system_bus_socket"); });
  report("own socket pair", [] {
    int pair[2];
    return result_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  });
}

void try_files() {
  for (const char* path :
       {"/x", "/usr/x", "/usr/local/bin/x", "/etc/x", "/app/x", "/dev/x", "/proc/x", "/sys/x", "/var/x"}) {
    report(std::string("create ") + path, [=] { return create(path); });
  }
  for (const char* path : {"/data/x", "/tmp/x", "/run/x", "/dev/shm/x"}) {
    report(std::string("create ") + path, [=] { return create(path); });
  }
  for (const char* path : {"/etc/hosts", "/etc/passwd", "/etc/resolv.conf", "/app/probe"}) {
    report(std::string("append to ") + path, [=] { return open_for(path, O_WRONLY | O_APPEND); });
  }
  for (const char* path : {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
                           "/proc/sys/net/ipv4/ip_forward", "/proc/sys/user/max_user_namespaces", "/proc/sysrq-trigger",
                           "/proc/self/uid_map", "/proc/self/setgroups", "/proc/1/oom_score_adj"}) {
    report(std::string("write ") + path, [=] { return overwrite(path, "1"); });
  }
  report("lower own oom score", [] { return overwrite("/proc/self/oom_score_adj", "-1000"); });
  for (const char* path :
       {"/etc/shadow",  "/root",      "/home",        "/proc/1/environ", "/proc/1/mem", "/proc/1/root/etc/shadow",
        "/proc/kcore",  "/proc/kmsg", "/dev/mem",     "/dev/kmsg",       "/dev/vda",    "/dev/sda",
        "/dev/kvm",     "/dev/fuse",  "/dev/net/tun", "/dev/vsock",      "/sys/kernel", "/boot",
        "/run/systemd", "/var/lib",   "/proc/1/cwd",  "/proc/1/fd"}) {
    report(std::string("read ") + path, [=] { return open_for(path, O_RDONLY); });
  }
  report("read the launcher's home", [] { return open_for(environment("HOST_HOME"), O_RDONLY); });
  report("make a device", [] { return result_of(mknod("/tmp/device", S_IFBLK | 0600, makedev(254, 0))); });
  report("open by handle", [] {
    char handle[128] = {};
    return result_of(syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY));
  });
}

void try_processes() {
  const int host_pid = std::atoi(environment("HOST_PID").c_str());
  report("signal a process of the host", [=] { return result_of(kill(host_pid, 0)); });
  report("kill init", [] { return result_of(kill(1, SIGKILL)); });
  report("trace init", [] { return result_of(ptrace(PTRACE_ATTACH, 1, nullptr, nullptr)); });
  report("read init's memory", [] { return read_memory_of(1); });
  report("see other processes", see_others);
  report("raise priority", [] { return result_of(setpriority(PRIO_PROCESS, 0, -10)); });
  report("real-time scheduling", [] {
    const sched_param parameters{50};
    return result_of(sched_setscheduler(0, SCHED_FIFO, &parameters));
  });
  report("raise open files", [] {
    const rlimit files{4'000'000, 4'000'000};
    return result_of(setrlimit(RLIMIT_NOFILE, &files));
  });
  report("dump core", [] {
    const rlimit core{1, 1};
    return result_of(setrlimit(RLIMIT_CORE, &core));
  });
}

void try_namespaces() {
  const std::vector<std::pair<const char*, int>> kinds = {
      {"user", CLONE_NEWUSER}, {"network", CLONE_NEWNET}, {"mount", CLONE_NEWNS},      {"pid", CLONE_NEWPID},
      {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},     {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80}};
  for (const auto& [name, flag] : kinds) {
    report(std::string("unshare ") + name, [=] { return result_of(unshare(flag)); });
  }
  report("clone user namespace", new_user_namespace);
  report("clone3 user namespace", clone3_namespace);
  report("enter own network namespace", [] { return enter_namespace("/proc/self/ns/net"); });
  report("enter init's network namespace", [] { return enter_namespace("/proc/1/ns/net"); });
  report("mount", [] { return result_of(mount("x", "/tmp", "tmpfs", 0, nullptr)); });
  report("remount /usr writable",
         [] { return result_of(mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr)); });
  report("umount /proc", [] { return result_of(umount2("/proc", MNT_DETACH)); });
  report("pivot_root", [] { return result_of(syscall(SYS_pivot_root, "/tmp", "/tmp")); });
  report("chroot", [] { return result_of(chroot("/tmp")); });
  report("open_tree", [] { return result_of(open_tree(AT_FDCWD, "/usr", OPEN_TREE_CLONE)); });
  report("fsopen", [] { return result_of(fsopen("tmpfs", 0)); });
  report("mount_setattr", [] {
    mount_attr attributes{};
    return result_of(mount_setattr(AT_FDCWD, "/usr", 0, &attributes, sizeof attributes));
  });
}

void try_privileges() {
  report("become uid 0", set_user_id);
  report("become gid 0", [] { return result_of(setresgid(0, 0, 0)); });
  report("join groups", [] {
    const gid_t group = 0;
    return result_of(syscall(SYS_setgroups, 1, &group));
  });
  report("take capabilities", set_capabilities);
  report("unlock secure bits", [] { return result_of(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0)); });
  report("set-user-id programs", set_user_id_program);
  report("sethostname", [] { return result_of(sethostname("x", 1)); });
}

void try_kernel() {
  char buffer[256] = {};
  report("bpf", [&] { return result_of(syscall(SYS_bpf, 0, buffer, sizeof buffer)); });
  report("keyctl", [] { return result_of(syscall(SYS_keyctl, 0, -3, 0)); });
  report("add_key", [] { return result_of(syscall(SYS_add_key, "user", "x", "x", 1, -3)); });
  report("userfaultfd", [] { return result_of(syscall(SYS_userfaultfd, 1)); });
  report("perf_event_open", [&] { return result_of(syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0)); });
  report("kexec", [] { return result_of(syscall(SYS_kexec_load, 0, 0, nullptr, 0)); });
  report("load a module", [&] { return result_of(syscall(SYS_init_module, buffer, 0, "")); });
  report("reboot", [] { return result_of(syscall(SYS_reboot, 0xfee1dead, 0x28121969, 0x89ABCDEF, nullptr)); });
  report("swapon", [] { return result_of(syscall(SYS_swapon, "/tmp/x", 0)); });
  report("kernel log", [&] { return result_of(syscall(SYS_syslog, 3, buffer, sizeof buffer)); });
  report("32-bit system calls", foreign_abi);
  report("x32 system calls", x32);
  report("push into a terminal", push_into_terminal);
}

int try_everything() {
  try_network();
  try_unix_sockets();
  try_files();
  try_processes();
  try_namespaces();
  try_privileges();
  try_kernel();
  std::puts("matrix complete");
  return 0;
}

// Ordinary lives of a service, for the tests of lifetime and limits.
int serve(int port, const char* bind_to) {
  const Address address = address_of(bind_to, port);
  const int listener = socket(address.storage.ss_family, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) return 1;
  listen(listener, 16);
  std::puts("listening");
  std::fflush(stdout);
  while (true) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int connection = accept(listener, reinterpret_cast<sockaddr*>(&peer), &size);
    char text[INET6_ADDRSTRLEN] = {};
    const void* bytes = peer.ss_family == AF_INET ? static_cast<void*>(&reinterpret_cast<sockaddr_in*>(&peer)->sin_addr)
                                                  : &reinterpret_cast<sockaddr_in6*>(&peer)->sin6_addr;
    inet_ntop(peer.ss_family, bytes, text, sizeof text);
    dprintf(connection, "caller %s\n", text);
    close(connection);
  }
}

// "PATH" has to be there, "wPATH" to be makeable; with '!' in front, not. 0 when all is so.
int check_paths(int count, char** expectations) {
  for (int i = 0; i < count; ++i) {
    std::string path = expectations[i];
    const bool wanted = path[0] != '!';
    if (!wanted) path.erase(0, 1);
    const bool makes = path[0] == 'w';
    if (makes) path.erase(0, 1);
    const bool is_so = makes ? create(path) == 0 : access(path.c_str(), F_OK) == 0;
    if (is_so != wanted) return i + 1;
  }
  return 0;
}

int eat_memory() {
  std::puts("eating");
  std::fflush(stdout);
  for (std::size_t eaten = 0; eaten < (512U << 20U); eaten += 1U << 20U) {
    void* block = mmap(nullptr, 1U << 20U, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) break;
    for (std::size_t at = 0; at < (1U << 20U); at += 4096) static_cast<volatile char*>(block)[at] = 1;
  }
  std::puts("survived");
  return 0;
}

int fork_many() {
  int forked = 0;
  for (; forked < 500; ++forked) {
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    if (child < 0) break;
  }
  std::printf("forked %d\n", forked);
  std::fflush(stdout);
  return 0;
}

// Serves, and dials its own door without pause: a line for each fifty that were answered, and one for each that was
// not.
int commute() {
  if (fork() == 0) _exit(serve(8080, "0.0.0.0"));
  for (int answered = 0;;) {
    const Address door = address_of("198.18.1.1", 8080);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[64] = {};
    const bool well = connect(fd, reinterpret_cast<const sockaddr*>(&door.storage), door.size) == 0 &&
                      wait_readable(fd) == 0 && read(fd, text, sizeof text) > 0;
    close(fd);
    if (!well) std::puts("lost");
    if (well && ++answered % 50 == 0) std::printf("answered %d\n", answered);
    std::fflush(stdout);
    poll(nullptr, 0, 1);
  }
}

int stay() {
  std::puts("staying");
  std::fflush(stdout);
  // A grandchild in a session of its own has to go too.
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      while (true) pause();
    }
    _exit(0);
  }
  while (true) pause();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "matrix";
  if (mode == "matrix") return try_everything();
  if (mode == "serve" && argc > 3) return serve(std::atoi(argv[2]), argv[3]);
  if (mode == "has") return check_paths(argc - 2, argv + 2);
  if (mode == "eat") return eat_memory();
  if (mode == "fork") return fork_many();
  if (mode == "commute") return commute();
  if (mode == "stay") return stay();
  if (mode == "deaf") {
    signal(SIGTERM, SIG_IGN);
    return stay();
  }
  if (mode == "exit" && argc > 2) return std::atoi(argv[2]);
  return 64;
}
