#include "scaffold/images.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

struct Known {
  std::string_view name;
  ImageKind kind;
};
constexpr auto kKnown = std::to_array<Known>({{"postgres", ImageKind::postgres},
                                              {"postgresql", ImageKind::postgres},
                                              {"redis", ImageKind::redis},
                                              {"valkey", ImageKind::redis},
                                              {"memcached", ImageKind::memcached},
                                              {"mariadb", ImageKind::mariadb},
                                              {"mysql", ImageKind::mariadb},
                                              {"mysql-server", ImageKind::mariadb},
                                              {"rabbitmq", ImageKind::rabbitmq},
                                              {"nginx", ImageKind::nginx},
                                              {"nginx-unprivileged", ImageKind::nginx},
                                              {"traefik", ImageKind::proxy},
                                              {"caddy", ImageKind::proxy},
                                              {"haproxy", ImageKind::proxy},
                                              {"envoy", ImageKind::proxy},
                                              {"nginx-proxy", ImageKind::proxy},
                                              {"kong", ImageKind::proxy},
                                              {"python", ImageKind::python},
                                              {"pypy", ImageKind::python},
                                              {"uvicorn-gunicorn-fastapi", ImageKind::python},
                                              {"node", ImageKind::node},
                                              {"bun", ImageKind::node},
                                              {"openjdk", ImageKind::java},
                                              {"eclipse-temurin", ImageKind::java},
                                              {"amazoncorretto", ImageKind::java},
                                              {"jdk", ImageKind::java},
                                              {"maven", ImageKind::java},
                                              {"gradle", ImageKind::java},
                                              {"ruby", ImageKind::ruby},
                                              {"php", ImageKind::php},
                                              {"debian", ImageKind::system},
                                              {"ubuntu", ImageKind::system},
                                              {"alpine", ImageKind::system},
                                              {"busybox", ImageKind::system},
                                              {"bash", ImageKind::system},
                                              {"scratch", ImageKind::system},
                                              {"static", ImageKind::system},
                                              {"base", ImageKind::system},
                                              {"golang", ImageKind::system},
                                              {"rust", ImageKind::system},
                                              {"gcc", ImageKind::system},
                                              {"fedora", ImageKind::system},
                                              {"rockylinux", ImageKind::system},
                                              {"buildpack-deps", ImageKind::system},
                                              {"curl", ImageKind::system}});

// Images of one program whose tag may say anything: only their own name or their maker's counts.
bool is_own_maker(std::string_view path) {
  std::string_view maker = path.substr(0, std::min(path.rfind('/'), path.size()));
  if (!contains(path, "/")) return true;
  std::string_view last = maker.substr(maker.rfind('/') + 1);
  constexpr std::array<std::string_view, 20> kMakers{
      "library",  "mysql", "bitnami",    "bitnamilegacy", "valkey",  "nginxinc",   "envoyproxy",
      "tiangolo", "oven",  "distroless", "curlimages",    "jwilder", "nginxproxy", "docker.io",
      "traefik",  "pypy",  "kong",       "adoptopenjdk",  "redis",   "rust-lang"};
  return std::ranges::find(kMakers, last) != kMakers.end();
}

// Makes the database at the first start, as the usual image does, then becomes the server. The directory gets its name
// only once it is whole.
constexpr std::string_view kPostgres = R"sh(set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
kept=/data/postgres
user=${POSTGRES_USER:-postgres}
if [ ! -s $kept/PG_VERSION ]; then
  [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
    echo "POSTGRES_PASSWORD is empty" >&2
    exit 1
  fi
  rm -rf $kept.new
  (umask 077; printf '%s\n' "${POSTGRES_PASSWORD:-none}" >/tmp/password)
  "$bin/initdb" -D $kept.new -U "$user" -E UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
    --pwfile=/tmp/password ${POSTGRES_INITDB_ARGS:-}
  rm /tmp/password
  echo "host all all all $method" >>$kept.new/pg_hba.conf
  "$bin/pg_ctl" -D $kept.new -w -o "-c listen_addresses= -k /tmp" start
  export PGHOST=/tmp PGUSER="$user"
  name=${POSTGRES_DB:-$user}
  [ "$name" = postgres ] || "$bin/createdb" "$name"
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) PGDATABASE=$name /bin/bash "$file" ;;
      *.sql) "$bin/psql" -v ON_ERROR_STOP=1 -d "$name" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | "$bin/psql" -v ON_ERROR_STOP=1 -d "$name" ;;
    esac
  done
  "$bin/pg_ctl" -D $kept.new -m fast -w stop
  mv $kept.new $kept
fi
)sh";

// The same for MariaDB; every name that its image and MySQL's have for a setting counts.
constexpr std::string_view kMariadb = R"sh(set -eu
kept=/data/mysql
server="/usr/sbin/mariadbd --no-defaults --user=service --socket=/tmp/mysql.sock --skip-name-resolve --pid-file=/tmp/mysql.pid"
# MARIADB_NAME or MYSQL_NAME, or the file that NAME_FILE names.
option() {
  eval "value=\${MARIADB_$1:-\${MYSQL_$1:-}} file=\${MARIADB_$1_FILE:-\${MYSQL_$1_FILE:-}}"
  [ -z "$file" ] || value=$(cat "$file")
  printf %s "$value"
}
quoted() { printf "'%s'" "$(printf %s "$1" | sed -e 's/\\/\\\\/g' -e "s/'/\\\\'/g")"; }
if [ ! -d $kept ]; then
  root=$(option ROOT_PASSWORD) name=$(option DATABASE) user=$(option USER)
  rm -rf $kept.new
  /usr/bin/mariadb-install-db --no-defaults --user=service --datadir=$kept.new --auth-root-authentication-method=normal \
    --skip-test-db >/dev/null
  $server --datadir=$kept.new --skip-networking &
  client="/usr/bin/mariadb --no-defaults --socket=/tmp/mysql.sock -u root"
  until $client -e 'SELECT 1' >/dev/null 2>&1; do kill -0 $!; sleep 0.1; done
  [ -z "$name" ] || printf '%s\n' "CREATE DATABASE IF NOT EXISTS \`$name\`;" | $client
  if [ -n "$user" ]; then
    who="$(quoted "$user")@'%'"
    printf '%s\n' "CREATE USER $who IDENTIFIED BY $(quoted "$(option PASSWORD)");" \
      "GRANT ALL ON \`${name:-$user}\`.* TO $who;" | $client
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) /bin/bash "$file" ;;
      *.sql) $client ${name:+"$name"} <"$file" ;;
      *.sql.gz) gunzip -c "$file" | $client ${name:+"$name"} ;;
    esac
  done
  printf '%s\n' "CREATE USER root@'%' IDENTIFIED BY $(quoted "$root"); GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;" \
    "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root"); SHUTDOWN;" | $client
  wait $!
  mv $kept.new $kept
fi
)sh";

// Callers are no loopback, so the guest is let in as the usual image does.
constexpr std::string_view kRabbitmq = R"sh(set -eu
export RABBITMQ_MNESIA_BASE=/data/mnesia RABBITMQ_LOGS=- RABBITMQ_LOG_BASE=/tmp/log RABBITMQ_NODENAME=rabbit@localhost
export RABBITMQ_PID_FILE=/tmp/rabbitmq.pid RABBITMQ_CONFIG_FILE=/tmp/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=/tmp/plugins
mkdir -p /tmp/log
printf 'loopback_users = none\nlisteners.tcp.default = 5672\n' >/tmp/rabbitmq.conf
[ -z "${RABBITMQ_DEFAULT_USER:-}" ] || printf 'default_user = %s\n' "$RABBITMQ_DEFAULT_USER" >>/tmp/rabbitmq.conf
[ -z "${RABBITMQ_DEFAULT_PASS:-}" ] || printf 'default_pass = %s\n' "$RABBITMQ_DEFAULT_PASS" >>/tmp/rabbitmq.conf
[ -z "${RABBITMQ_DEFAULT_VHOST:-}" ] || printf 'default_vhost = %s\n' "$RABBITMQ_DEFAULT_VHOST" >>/tmp/rabbitmq.conf
)sh";

constexpr std::string_view kNginxRoot = "/usr/share/nginx/html";

// One configuration of its own that includes what the Compose file mounts: the compartment has no /var and no log
// files.
constexpr std::string_view kNginxTemporary =
    "client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi; "
    "uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;";

// Files of /usr stand elsewhere, and nginx logs to what is read as the service's output.
std::string nginx_changes(const std::string& root) {
  std::string changes = "-e 's#/var/log/nginx/[a-zA-Z_.-]+#/dev/stdout#g'";
  if (root != kNginxRoot) changes += fmt::format(" -e 's#{}#{}#g'", kNginxRoot, root);
  return changes;
}

std::string own_nginx(const std::vector<std::string>& sites, const std::string& root, std::uint16_t port) {
  std::string script = "set -eu\nmkdir /tmp/conf.d\n";
  for (const std::string& site : sites)
    script += fmt::format("for file in {}; do sed -E {} \"$file\" >/tmp/conf.d/\"${{file##*/}}\".conf; done\n", site,
                          nginx_changes(root));
  script += fmt::format(
      "cat >/tmp/nginx.conf <<'END'\npid /tmp/nginx.pid;\nevents {{}}\nhttp {{\n  include /etc/nginx/mime.types;\n"
      "  default_type application/octet-stream;\n  {}\n  access_log /dev/stdout;\n",
      kNginxTemporary);
  if (sites.empty()) script += fmt::format("  server {{ listen {}; root {}; }}\n", port, root);
  return script +
         "  include /tmp/conf.d/*.conf;\n}\nEND\nexec /usr/sbin/nginx -e stderr -c /tmp/nginx.conf -g 'daemon off;'\n";
}

}  // namespace

Image image_of(std::string_view reference) {
  Image image;
  std::string_view whole = reference.substr(0, reference.find('@'));
  std::size_t slash = whole.rfind('/');
  std::size_t colon = whole.rfind(':');
  bool tagged = colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  if (tagged) image.tag = whole.substr(colon + 1);
  std::string_view path = tagged ? whole.substr(0, colon) : whole;
  image.name = path.substr(path.rfind('/') + 1);
  auto known = std::ranges::find(kKnown, image.name, &Known::name);
  if (known != kKnown.end() && is_own_maker(path)) image.kind = known->kind;
  if (image.kind == ImageKind::unknown && contains_any(image.name, {"-debian", "debian12", "debian11"}))
    image.kind = ImageKind::system;
  return image;
}

PortPlan port_of_image(const Image& image) {
  struct Listens {
    std::string_view name;
    std::uint16_t port;
    Protocol protocol;
  };
  constexpr std::array<Listens, 24> kListens{
      {{"postgres", 5432, Protocol::tcp},       {"postgresql", 5432, Protocol::tcp},
       {"postgis", 5432, Protocol::tcp},        {"timescaledb", 5432, Protocol::tcp},
       {"pgvector", 5432, Protocol::tcp},       {"redis", 6379, Protocol::tcp},
       {"valkey", 6379, Protocol::tcp},         {"memcached", 11211, Protocol::tcp},
       {"mysql", 3306, Protocol::tcp},          {"mariadb", 3306, Protocol::tcp},
       {"mongo", 27017, Protocol::tcp},         {"mongodb", 27017, Protocol::tcp},
       {"rabbitmq", 5672, Protocol::tcp},       {"kafka", 9092, Protocol::tcp},
       {"zookeeper", 2181, Protocol::tcp},      {"nats", 4222, Protocol::tcp},
       {"elasticsearch", 9200, Protocol::http}, {"minio", 9000, Protocol::http},
       {"nginx", 80, Protocol::http},           {"httpd", 80, Protocol::http},
       {"mailhog", 1025, Protocol::tcp},        {"mailpit", 1025, Protocol::tcp},
       {"adminer", 8080, Protocol::http},       {"grafana", 3000, Protocol::http}}};
  auto found = std::ranges::find(kListens, image.name, &Listens::name);
  if (found == kListens.end()) return {};
  return {found->port, found->protocol, fmt::format("where {} listens", image.name)};
}

std::string_view data_directory_of(ImageKind kind) {
  switch (kind) {
    case ImageKind::postgres: return "/var/lib/postgresql";
    case ImageKind::redis: return "/data";
    case ImageKind::mariadb: return "/var/lib/mysql";
    case ImageKind::rabbitmq: return "/var/lib/rabbitmq";
    default: return "";
  }
}

std::vector<std::string> postgres_command(const std::vector<std::string>& arguments, std::uint16_t port) {
  std::string server = fmt::format(
      "exec \"$bin/postgres\" -D $kept -p {} -c listen_addresses='*' -c unix_socket_directories=/tmp \"$@\"\n", port);
  std::vector<std::string> command{"/bin/sh", "-c", escaped(std::string(kPostgres) + server)};
  if (!arguments.empty()) command.emplace_back("postgres");
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::vector<std::string> redis_command(const std::vector<std::string>& arguments, std::uint16_t port) {
  std::vector<std::string> command{"/usr/bin/redis-server"};
  bool has_file = !arguments.empty() && !arguments.front().starts_with('-');
  auto rest = arguments.begin();
  if (has_file) command.push_back(*rest++);
  for (std::string_view word : {"--dir", "/data", "--protected-mode", "no"}) command.emplace_back(word);
  bool said = std::ranges::find(arguments, "--port") != arguments.end();
  if (port != 6379 && !said) {
    command.emplace_back("--port");
    command.push_back(std::to_string(port));
  }
  command.insert(command.end(), rest, arguments.end());
  return command;
}

std::vector<std::string> mariadb_command(const std::vector<std::string>& arguments, std::uint16_t port) {
  std::string server = fmt::format("exec $server --datadir=$kept --port={} --bind-address=0.0.0.0 \"$@\"\n", port);
  std::vector<std::string> command{"/bin/sh", "-c", escaped(std::string(kMariadb) + server)};
  if (!arguments.empty()) command.emplace_back("mariadbd");
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::vector<std::string> rabbitmq_command(bool with_management) {
  std::string plugins = fmt::format("echo '[{}].' >/tmp/plugins\n", with_management ? "rabbitmq_management" : "");
  return {"/bin/sh", "-c", escaped(std::string(kRabbitmq) + plugins + "exec /usr/lib/rabbitmq/bin/rabbitmq-server\n")};
}

std::vector<std::string> memcached_command(const std::vector<std::string>& arguments, std::uint16_t port) {
  std::vector<std::string> command{"/usr/bin/memcached", "-p", std::to_string(port), "-U", "0"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::vector<std::string> nginx_command(const std::string& whole, const std::vector<std::string>& sites,
                                       const std::string& root, std::uint16_t port) {
  if (whole.empty()) return {"/bin/sh", "-c", escaped(own_nginx(sites, root, port))};
  std::string script = fmt::format(
      "set -eu\n"
      "sed -E -e '/^[[:space:]]*(user|pid|daemon|error_log)[[:space:]]/d' -e "
      "'s#/etc/nginx/conf.d/#/etc/nginx-conf.d/#g' \\\n"
      "  {} \\\n"
      "  -e 's#include[[:space:]]+mime.types#include /etc/nginx/mime.types#' \\\n"
      "  -e 's#^([[:space:]]*http[[:space:]]*[{{])#\\1 {}#' {} >/tmp/nginx.conf\n"
      "exec /usr/sbin/nginx -e stderr -c /tmp/nginx.conf -g 'daemon off; pid /tmp/nginx.pid;'\n",
      nginx_changes(root), kNginxTemporary, whole);
  return {"/bin/sh", "-c", escaped(script)};
}

}  // namespace bulkhead::scaffold
