#include "scaffold/compose.hpp"

#include "scaffold/fixture.hpp"

namespace bulkhead::scaffold {
namespace {

using testing::HasSubstr;

TEST(Compose, calls_come_from_the_environment_the_command_and_the_programs_text) {
  Converted got = convert(R"(
services:
  web:
    build: ./web
    environment: {CATALOG_URL: "http://catalog:8000/v1", CACHE: redis, QUEUE_HOST: queue}
    depends_on: [catalog, mailer]
  catalog:
    image: python:3.12
    working_dir: /code
    command: python /code/app.py --database postgres://me@db:5432/shop
    volumes: [./catalog:/code]
  queue: {image: redis}
  mailer: {image: python:3, command: [python, mail.py], volumes: [./mailer:/app], expose: [1025]}
  db: {image: postgres:16, environment: {POSTGRES_PASSWORD: secret}}
)",
                          {{"web/Dockerfile", "FROM node:20\nWORKDIR /app\nCOPY . .\nCMD [\"node\", \"server.js\"]\n"},
                           {"web/server.js", "const q = connect('redis://queue:6379');\nhttp.listen(3000);\n"},
                           {"catalog/app.py", "serve()"},
                           {"mailer/mail.py", "serve()"}});
  EXPECT_EQ(calls_of(got.service("web")), "catalog mailer queue");
  EXPECT_EQ(calls_of(got.service("catalog")), "db");
  EXPECT_EQ(got.service("catalog").ports.front().number, 8000);
  EXPECT_EQ(got.service("mailer").ports.front().protocol, Protocol::tcp);
  EXPECT_EQ(command_of(got.service("catalog")), "/usr/bin/python3 /app/app.py --database postgres://me@db:5432/shop");
  EXPECT_EQ(got.service("catalog").dir, "./catalog");
  EXPECT_THAT(got.manifest, HasSubstr("catalog:  # CATALOG_URL\n"));
  EXPECT_THAT(got.manifest, HasSubstr("mailer:  # depends_on; no address of it was seen"));
}

TEST(Compose, well_known_images_become_programs_of_debian) {
  Converted got = convert(R"(
services:
  cache: {image: "docker.io/library/redis:7-alpine", command: redis-server --appendonly yes, volumes: [cache:/data]}
  other: {image: redis, command: [--port, "6380"]}
  db: {image: "postgres:16", command: postgres -c max_connections=200, environment: [POSTGRES_PASSWORD=x, PGDATA=/var/lib/postgresql/data/pg]}
  mem: {image: memcached, command: -m 64}
volumes: {cache: }
)");
  EXPECT_EQ(command_of(got.service("cache")), "/usr/bin/redis-server --dir /data --protected-mode no --appendonly yes");
  EXPECT_EQ(command_of(got.service("other")), "/usr/bin/redis-server --dir /data --protected-mode no --port 6380");
  EXPECT_EQ(got.service("other").ports.front().number, 6380);
  EXPECT_THAT(command_of(got.service("db")), HasSubstr("initdb"));
  EXPECT_THAT(command_of(got.service("db")), testing::EndsWith("postgres -c max_connections=200"));
  EXPECT_EQ(got.service("db").environment.size(), 1U);
  EXPECT_EQ(command_of(got.service("mem")), "/usr/bin/memcached -p 11211 -U 0 -m 64");
}

TEST(Compose, packages_that_the_host_lacks_are_one_edit) {
  Folder folder = folder_of({});
  Host host = host_with({"/var/lib/dpkg/info/redis-server.list"});
  Converted got = convert("services: {a: {image: redis}, b: {image: postgres}, c: {image: memcached}}", folder, host);
  ASSERT_EQ(got.plan.edits.size(), 1U);
  EXPECT_EQ(got.plan.edits.front().run, "apt-get install -y --no-install-recommends memcached postgresql");
}

TEST(Compose, published_ports_become_listener_and_routes) {
  Converted got = convert(R"(
services:
  one: {image: python, command: python a.py, volumes: [".:/x"], ports: ["${WEB_PORT:-8000}:80", "5678:5678"]}
  two: {image: python, command: python b.py, volumes: [".:/x"], ports: [{target: 90, published: 9000}]}
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}, ports: ["5432:5432"]}
)");
  EXPECT_THAT(got.manifest, HasSubstr("listen: \"127.0.0.1:${WEB_PORT:-8000}\""));
  EXPECT_THAT(got.manifest, HasSubstr("{match: {path: /*}, to: one}"));
  EXPECT_THAT(got.manifest, HasSubstr("{match: {host: two.localhost, path: /*}, to: two}"));
  EXPECT_THAT(got.left_out("db", "ports"), HasSubstr("speaks TCP"));
  EXPECT_EQ(got.service("one").ports.size(), 1U);
}

TEST(Compose, a_port_that_only_root_may_have_is_another_one) {
  Converted got = convert("services: {a: {image: nginx, ports: ['80:80']}}");
  EXPECT_THAT(got.manifest, HasSubstr("listen: \"127.0.0.1:8080\"  # compose.yaml:1 says 80"));
}

TEST(Compose, nginx_runs_with_the_configuration_that_is_mounted) {
  Converted got = convert(R"(
services:
  proxy:
    image: nginx:alpine
    ports: ["8080:8081"]
    volumes: [./site.conf:/etc/nginx/conf.d/default.conf:ro, ./html:/usr/share/nginx/html:ro]
  whole: {image: nginx, volumes: ["./nginx.conf:/etc/nginx/nginx.conf"]}
  api: {image: node, command: node api.js, volumes: ["./api:/app"], expose: [3000]}
)",
                          {{"site.conf", "server {\n  listen 8081;\n  location / { proxy_pass http://api:3000; }\n}\n"},
                           {"nginx.conf", "http { upstream x { server api:3000; } }"},
                           {"html/index.html", ""},
                           {"api/api.js", ""}});
  const ServicePlan& proxy = got.service("proxy");
  EXPECT_EQ(proxy.ports.front().number, 8081);
  EXPECT_EQ(calls_of(proxy), "api");
  EXPECT_THAT(command_of(proxy), HasSubstr("for file in /etc/nginx-conf.d/default.conf;"));
  EXPECT_EQ(calls_of(got.service("whole")), "api");
  EXPECT_THAT(command_of(got.service("whole")), HasSubstr(" /etc/nginx-conf/nginx.conf >/tmp/nginx.conf"));
}

TEST(Compose, another_proxy_is_the_gateways_work_and_its_labels_are_routes) {
  Converted got = convert(R"yaml(
services:
  traefik: {image: "traefik:v3", ports: ["8000:80"], volumes: ["/var/run/docker.sock:/var/run/docker.sock"]}
  api:
    image: python
    command: python api.py
    volumes: [".:/app"]
    expose: ["5000"]
    labels: ["traefik.http.routers.api.rule=Host(`shop.example`) && PathPrefix(`/api`)"]
)yaml");
  EXPECT_FALSE(got.plan.service("traefik"));
  EXPECT_THAT(got.left_out("traefik", "image"), HasSubstr("the gateway does the work"));
  EXPECT_THAT(got.left_out("traefik", "volumes"), HasSubstr("lead past the sidecar"));
  EXPECT_THAT(got.manifest, HasSubstr("{match: {host: shop.example, path: \"/api/*\"}, to: api}"));
  EXPECT_THAT(got.manifest, HasSubstr("127.0.0.1:8000"));
}

TEST(Compose, the_command_of_an_image_is_what_its_dockerfile_says) {
  Converted got = convert(
      R"(
services:
  api: {build: {context: ., dockerfile: docker/api.Dockerfile, target: run}}
  go: {build: ./go, ports: ["8080:8080"]}
)",
      {{"docker/api.Dockerfile",
        "FROM python:3 AS base\nWORKDIR /code\nRUN pip install -r requirements.txt gunicorn\n"
        "FROM base AS run\nCOPY src/ .\nEXPOSE 9000\nENV A=1 B=\"two words\"\nENTRYPOINT [\"/usr/bin/tini\", \"--\"]\n"
        "CMD gunicorn -w 2 -b 0.0.0.0:9000 api:app\nFROM base AS test\nCMD pytest\n"},
       {"src/api.py", ""},
       {"go/Dockerfile",
        "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /out/server ./cmd/server\n"
        "FROM scratch\nCOPY --from=build /out/server /server\nENTRYPOINT [\"/server\"]\n"},
       {"go/main.go", ""}});
  const ServicePlan& api = got.service("api");
  EXPECT_EQ(command_of(api), "/usr/bin/python3 -m gunicorn -w 2 -b 0.0.0.0:9000 api:app");
  EXPECT_EQ(api.dir, "./src");
  EXPECT_EQ(api.ports.front().number, 9000);
  ASSERT_GE(api.environment.size(), 2U);
  EXPECT_EQ(api.environment[1].value, "two words");
  EXPECT_EQ(command_of(got.service("go")), "./server");
  EXPECT_EQ(got.service("go").build, "go build -o server ./cmd/server");
  EXPECT_EQ(got.service("go").build_dir, "");
  EXPECT_THAT(got.manifest, HasSubstr("    command: [./server]\n    build: \"go build -o server ./cmd/server\"\n"));
}

TEST(Compose, installs_in_a_command_are_left_to_a_step) {
  Converted got =
      convert(R"(
services:
  web: {image: "node:20", working_dir: /srv, volumes: ["./web:/srv"], command: sh -c "npm install && npm start", ports: ["3000:3000"]}
)",
              {{"web/package.json", R"({"scripts": {"start": "node index.js"}, "dependencies": {"express": "4"}})"}});
  EXPECT_EQ(command_of(got.service("web")), "/usr/bin/node index.js");
  EXPECT_EQ(got.edit("web"), "(cd web && npm install)");
}

TEST(Compose, variables_keep_their_meaning_without_an_environment) {
  Converted got = convert(R"(
services:
  a:
    image: python
    command: python a.py
    volumes: [".:/app"]
    environment:
      ONE: $ONE
      TWO: ${TWO:-2}
      FIVE: 5$$
      NAME: ${NAME}
      DB_PASSWORD: ${DB_PASSWORD}
      HANDED:
)",
                          {{".env", "NAME=blue\nDB_PASSWORD=hunter22\n"}});
  EXPECT_THAT(got.manifest, HasSubstr("ONE: \"${ONE:-}\""));
  EXPECT_THAT(got.manifest, HasSubstr("TWO: \"${TWO:-2}\""));
  EXPECT_THAT(got.manifest, HasSubstr("FIVE: \"5$$\""));
  EXPECT_THAT(got.manifest, HasSubstr("NAME: \"${NAME:-blue}\""));
  EXPECT_THAT(got.manifest, HasSubstr("DB_PASSWORD: \"${DB_PASSWORD:-}\""));
  EXPECT_THAT(got.manifest, HasSubstr("HANDED: \"${HANDED:-}\""));
  EXPECT_THAT(got.manifest, testing::Not(HasSubstr("hunter22")));
  ASSERT_EQ(got.plan.edits.size(), 1U);
  EXPECT_EQ(got.plan.edits.front().run, "set -a; . ./.env; set +a");
}

TEST(Compose, volumes_are_data_mounts_or_a_word_to_the_program) {
  Converted got = convert(R"(
services:
  a:
    image: python
    working_dir: /app
    command: python a.py --uploads /var/uploads
    environment: {STORE: /srv/store/a.db}
    volumes:
      - .:/app
      - /app/node_modules
      - store:/srv/store
      - uploads:/var/uploads
      - silent:/var/silent
      - ./conf:/etc/a:ro
      - ./lib:/usr/lib/a:ro
      - ./missing:/m
      - /etc/localtime:/etc/localtime:ro
    secrets: [key]
secrets: {key: {file: ./key.txt}}
)",
                          {{"a.py", ""}, {"conf/x", ""}, {"lib/x", ""}, {"key.txt", "k"}});
  const ServicePlan& a = got.service("a");
  EXPECT_EQ(a.environment.front().value, "/data/store/a.db");
  EXPECT_EQ(command_of(a), "/usr/bin/python3 a.py --uploads /data/uploads");
  std::vector<std::string> mounts;
  for (const MountPlan& mount : a.mounts) mounts.push_back(mount.from + ":" + mount.to);
  EXPECT_THAT(mounts, testing::ElementsAre("./conf:/etc/a", "./lib:/mnt/usr/lib/a"));
  ASSERT_EQ(a.secrets.size(), 1U);
  EXPECT_EQ(a.secrets[0].source, "key");
  EXPECT_THAT(got.manifest, HasSubstr("secrets:\n  key: {file: ./key.txt}\n"));
  ASSERT_EQ(got.plan.edits.size(), 2U);
  EXPECT_THAT(got.plan.edits[0].text + got.plan.edits[1].text, HasSubstr("/data/silent instead of /var/silent"));
  EXPECT_THAT(got.plan.edits[0].text + got.plan.edits[1].text, HasSubstr("./missing"));
}

TEST(Compose, bounds_health_order_and_profiles_are_kept) {
  Converted got = convert(R"(
services:
  migrate: {image: python, command: python m.py, volumes: [".:/app"], depends_on: {db: {condition: service_healthy}}}
  web:
    image: python
    command: python a.py
    volumes: [".:/app"]
    expose: [8000]
    mem_limit: 1.5g
    cpus: "0.5"
    pids_limit: 64
    ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 10}
    deploy: {replicas: 3, placement: {constraints: [x]}}
    stop_grace_period: 1m30s
    healthcheck: {test: "curl -f http://localhost:8000/healthz || exit 1", interval: 5s, timeout: 2s, retries: 4, start_period: 90s}
    depends_on: {migrate: {condition: service_completed_successfully}, db: {condition: service_healthy, restart: true}}
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}, healthcheck: {test: [CMD, pg_isready]}}
  tool: {image: python, command: python t.py, volumes: [".:/app"], profiles: [debug], depends_on: [web]}
)");
  EXPECT_TRUE(got.service("migrate").is_job);
  EXPECT_THAT(got.manifest, HasSubstr("limits: {memory: 1536MiB, cpu: 0.5, pids: 64, files: 1024}"));
  EXPECT_THAT(got.manifest,
              HasSubstr("healthcheck: {path: /healthz, interval: 5s, timeout: 2s, retries: 4, start_period: 1m30s}"));
  EXPECT_THAT(got.manifest, HasSubstr("scale: 3"));
  EXPECT_THAT(got.manifest, HasSubstr("stop_grace: 1m30s"));
  EXPECT_THAT(got.manifest, HasSubstr("depends_on: {db: ready, migrate: done}"));
  EXPECT_THAT(got.manifest, HasSubstr("profiles: [debug]"));
  EXPECT_NE(got.left_out("web", "ulimits.nproc"), "");
  EXPECT_NE(got.left_out("web", "deploy.placement"), "");
  EXPECT_NE(got.left_out("web", "depends_on.db.restart"), "");
}

TEST(Compose, names_that_no_service_may_have_are_changed_everywhere) {
  Converted got = convert(R"(
services:
  my_db: {image: postgres, container_name: shop_db, environment: {POSTGRES_PASSWORD: x}}
  Web: {image: python, command: python a.py, volumes: [".:/app"], environment: {A: "postgres://u@my_db:5432/x", DB_HOST: shop_db}}
)");
  EXPECT_EQ(calls_of(got.service("web")), "my-db");
  EXPECT_EQ(got.service("web").environment[0].value, "postgres://u@my-db:5432/x");
  EXPECT_EQ(got.service("web").environment[1].value, "my-db");
}

TEST(Compose, a_url_with_a_password_becomes_a_secret_that_leads_where_the_service_is_now) {
  Converted got = convert(R"(
services:
  my_db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}
  web: {image: python, command: python a.py, volumes: [".:/app"], environment: {DB: "postgres://u:hunter2@my_db:5432/x"}}
)");
  EXPECT_EQ(calls_of(got.service("web")), "my-db");
  EXPECT_TRUE(got.service("web").environment.empty());
  ASSERT_EQ(got.plan.secret_files.size(), 1U);
  EXPECT_EQ(got.plan.secret_files[0].content, "postgres://u:hunter2@my-db:5432/x");
  EXPECT_EQ(got.manifest.find("hunter2"), std::string::npos);
}

TEST(Compose, an_image_of_which_nothing_is_known_names_its_edit) {
  Converted got = convert(R"(
services:
  kafka: {image: "example/kafka:3", command: [/run.sh, --all]}
  other: {image: example/other}
)");
  ASSERT_EQ(got.plan.edits.size(), 2U);
  const Edit& edit = got.plan.edits[1];
  EXPECT_THAT(edit.run, HasSubstr("skopeo copy docker://example/other"));
  std::vector<std::string_view> lines = lines_of(got.manifest);
  EXPECT_TRUE(lines.at(static_cast<std::size_t>(edit.line) - 1).starts_with("    command:")) << edit.line;
  EXPECT_EQ(edit.write, "    command: [/the/program, its, arguments]");
  EXPECT_EQ(command_of(got.service("kafka")), "/run.sh --all");
}

TEST(Compose, what_cannot_be_converted_at_all_is_refused_with_its_place) {
  Folder folder = folder_of({});
  Host host = full_host();
  auto refused = [&](std::string_view text) {
    ComposeInput input{.text = text, .folder = folder, .host = host, .from_manifest = "", .environment = {}};
    auto plan = read_compose(input);
    return plan ? "" : plan.error().message;
  };
  EXPECT_THAT(refused("services: [\n"), HasSubstr("compose.yaml:"));
  EXPECT_THAT(refused("services:\n  a: {image: x}\n  a: {image: y}\n"),
              HasSubstr("compose.yaml:3:3: 'a' stands here twice"));
  EXPECT_THAT(refused("version: '3'\n"), HasSubstr("no 'services'"));
  EXPECT_THAT(refused("- a\n"), HasSubstr("no Compose file"));
  EXPECT_THAT(refused("services: {a: {image: traefik}}"), HasSubstr("no service that can run"));
}

TEST(Compose, a_manifest_elsewhere_names_the_files_from_there) {
  Folder folder = folder_of(
      {{"web/package.json", R"({"scripts": {"start": "node i.js"}, "dependencies": {"a": "1"}})"}, {"x.conf", ""}});
  Host host = full_host();
  ComposeInput input{.text = "services: {web: {build: ./web, volumes: ['./x.conf:/etc/x.conf']}}",
                     .folder = folder,
                     .host = host,
                     .from_manifest = "../shop",
                     .environment = {}};
  auto plan = read_compose(input);
  ASSERT_TRUE(plan);
  std::string text = checked_manifest(*plan);
  EXPECT_THAT(text, HasSubstr("dir: ../shop/web"));
  EXPECT_THAT(text, HasSubstr("../shop/x.conf:/etc/x.conf"));
  EXPECT_EQ(plan->edits.front().run, "(cd ../shop && (cd web && npm install))");
}

TEST(Compose, a_database_without_a_password_lets_its_callers_in_and_says_so) {
  Converted got = convert(
      "services: {db: {image: 'postgres:9.4'}, other: {image: postgres, environment: {POSTGRES_PASSWORD_FILE: /x}}}");
  EXPECT_THAT(got.manifest, HasSubstr("POSTGRES_HOST_AUTH_METHOD: trust  # no POSTGRES_PASSWORD is set"));
  EXPECT_THAT(got.left_out("db", "environment"), HasSubstr("declared callers"));
  EXPECT_EQ(got.left_out("other", "environment"), "");
}

TEST(Compose, a_program_that_is_run_from_its_source_is_built_first) {
  Converted got =
      convert(R"(
services:
  go: {image: "golang:1.22", working_dir: /src, volumes: ["./api:/src"], command: go run ./cmd/api}
  rust: {build: ./rust}
)",
              {{"api/go.mod", ""},
               {"rust/Dockerfile", "FROM rust\nWORKDIR /code\nCOPY . .\nCMD [\"cargo\", \"run\", \"--release\"]\n"},
               {"rust/Cargo.toml", "[package]\nname = \"counter\"\n"}});
  EXPECT_EQ(command_of(got.service("go")), "./api");
  EXPECT_EQ(got.service("go").build, "go build -o api ./cmd/api");
  EXPECT_EQ(command_of(got.service("rust")), "./target/release/counter");
  EXPECT_EQ(got.service("rust").build, "cargo build --release");
}

TEST(Compose, secrets_stay_where_programs_read_them) {
  Converted got = convert(R"(
services:
  db: {image: postgres, secrets: [password], environment: {POSTGRES_PASSWORD_FILE: /run/secrets/password}}
  api:
    image: python
    command: python a.py --key /etc/tls.key
    volumes: ['.:/app']
    secrets:
      - {source: token, target: api_token, mode: 0440, uid: "103"}
      - {source: password, target: /run/secrets/db}
      - {source: key, target: /etc/tls.key}
secrets:
  password: {file: ./password.txt}
  token: {environment: TOKEN}
  key: {file: ./missing.key}
)",
                          {{"password.txt", "x"}, {"a.py", ""}});
  EXPECT_EQ(got.service("db").environment.front().value, "/run/secrets/password");
  EXPECT_THAT(got.manifest, HasSubstr("  password: {file: ./password.txt}\n  token: {environment: TOKEN}\n"));
  EXPECT_THAT(got.manifest, HasSubstr("- {source: token, target: api_token, mode: 0440}"));
  EXPECT_THAT(got.manifest, HasSubstr("- {source: password, target: db}"));
  EXPECT_THAT(command_of(got.service("api")), HasSubstr("--key /run/secrets/key"));
  EXPECT_THAT(got.edit("api"), HasSubstr("the secret 'key'"));
}

TEST(Compose, a_password_that_stands_in_the_file_becomes_a_file_of_its_own) {
  Converted got = convert(R"(
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: "cost$$5"}}
  api: {image: python, command: python a.py, volumes: ['.:/app'], environment: {API_TOKEN: abcdef, MAX_TOKENS: 100}}
  web: {image: python, command: python a.py, volumes: ['.:/app'], environment: {API_TOKEN: other, KEY: "${KEY}"}}
)",
                          {{"a.py", ""}});
  ASSERT_EQ(got.plan.secret_files.size(), 3U);
  EXPECT_EQ(got.plan.secret_files[0].path, "./secrets/postgres_password");
  EXPECT_EQ(got.plan.secret_files[0].content, "cost$5");
  EXPECT_EQ(got.plan.secret_files[2].path, "./secrets/web_api_token");
  EXPECT_THAT(got.manifest, HasSubstr("  - {source: postgres_password, env: POSTGRES_PASSWORD}"));
  EXPECT_THAT(got.manifest, HasSubstr("  - {source: web_api_token, env: API_TOKEN}"));
  EXPECT_EQ(got.manifest.find("abcdef"), std::string::npos);
  EXPECT_EQ(got.manifest.find("cost"), std::string::npos);
}

TEST(Compose, a_service_that_is_not_started_again_is_a_job) {
  Converted got = convert(
      "services: {seed: {image: python, command: python seed.py, volumes: ['.:/app'], restart: 'no', profiles: "
      "[seed]}}");
  EXPECT_TRUE(got.service("seed").is_job);
}

TEST(Compose, a_port_that_docker_would_pick_is_no_route_beside_one_that_is_said) {
  Converted got = convert(
      "services: {a: {image: nginx, ports: ['8080:80']}, b: {image: nginx, ports: ['80'], command: \"nginx -g 'daemon "
      "off;'\"}}");
  EXPECT_EQ(got.plan.gateway.routes.size(), 1U);
  EXPECT_THAT(command_of(got.service("b")), HasSubstr("/tmp/nginx.conf"));
}

TEST(Compose, mysql_is_mariadb_without_the_options_that_only_mysql_has) {
  Converted got = convert(R"(
services:
  db: {image: "mysql:8", command: "mysqld --default-authentication-plugin=mysql_native_password --max_connections=9", volumes: ["d:/var/lib/mysql"], environment: {MYSQL_ROOT_PASSWORD: x}}
  mq: {image: "rabbitmq:3-management"}
  plain: {image: rabbitmq}
)");
  EXPECT_THAT(command_of(got.service("db")), testing::EndsWith("mariadbd --max_connections=9"));
  EXPECT_THAT(got.left_out("db", "command"), HasSubstr("option of MySQL alone"));
  EXPECT_EQ(got.service("mq").ports.size(), 2U);
  EXPECT_THAT(command_of(got.service("mq")), HasSubstr("[rabbitmq_management]."));
  EXPECT_EQ(got.service("plain").ports.size(), 1U);
  EXPECT_TRUE(got.plan.packages.contains("mariadb-server-core"));
}

TEST(Compose, a_host_name_that_a_mounted_file_has_is_an_edit_of_that_file) {
  Converted got = convert(R"(
services:
  web_one: {image: python, command: python a.py, volumes: [".:/app"], expose: [5000]}
  web_two: {image: python, command: python a.py, volumes: [".:/app"], expose: [5000], hostname: second}
  proxy: {image: nginx, volumes: ["./n.conf:/etc/nginx/conf.d/default.conf"]}
)",
                          {{"n.conf", "server web_one:5000;\nserver second:5000;\n"}});
  EXPECT_EQ(calls_of(got.service("proxy")), "second web-one");
  ASSERT_EQ(got.plan.edits.size(), 1U);
  EXPECT_EQ(got.plan.edits.front().run, "sed -i 's/\\bweb_one\\b/web-one/g' ./n.conf");
}

TEST(Compose, a_port_that_a_health_check_asks_is_one_of_the_program) {
  Converted got = convert(R"(
services:
  a: {image: python, command: python a.py, volumes: [".:/app"], expose: [5000], healthcheck: {test: [CMD, wget, -q, "http://127.0.0.1:9000/live"]}}
  b: {image: python, command: python b.py, volumes: [".:/app"], healthcheck: {test: "curl http://localhost/"}}
)");
  EXPECT_EQ(got.service("a").ports.size(), 2U);
  EXPECT_THAT(got.manifest, HasSubstr("healthcheck: {path: /live, port: 9000}"));
  EXPECT_EQ(got.service("b").ports.front().number, 80);
}

TEST(Compose, what_follows_an_entry_point_of_ones_own_is_a_command_as_well) {
  Converted got = convert(R"(
services:
  web:
    build: ./app
    command: >
      sh -c "python manage.py migrate &&
             gunicorn shop.wsgi --bind 0.0.0.0:8000"
    expose: [8000]
  celery: {build: ./app, command: celery --app=shop worker}
)",
                          {{"app/Dockerfile",
                            "FROM python:3\nWORKDIR /usr/src/app\nCOPY . .\nRUN pip install -r "
                            "requirements.txt\nENTRYPOINT [\"/usr/src/app/entrypoint.sh\"]\n"},
                           {"app/requirements.txt", "Nothing==1\n./local\n"},
                           {"app/entrypoint.sh", "#!/bin/sh\nexec \"$@\"\n"}});
  EXPECT_EQ(command_of(got.service("celery")), "./entrypoint.sh /usr/bin/python3 -m celery --app=shop worker");
  EXPECT_EQ(command_of(got.service("web")),
            "./entrypoint.sh /bin/sh -c /usr/bin/python3 manage.py migrate && exec /usr/bin/python3 -m gunicorn "
            "shop.wsgi --bind 0.0.0.0:8000");
  ASSERT_EQ(got.plan.edits.size(), 1U);
  EXPECT_THAT(got.plan.edits.front().run, HasSubstr("-m pip install --target .packages -r requirements.txt"));
}

}  // namespace
}  // namespace bulkhead::scaffold
