#include "scaffold/look.hpp"

#include "scaffold/fixture.hpp"
#include "scaffold/makefile.hpp"

namespace bulkhead::scaffold {
namespace {

const std::string kServer = "import http.server\nhttp.server.HTTPServer(('', 8000), Handler).serve_forever()\n";

TEST(Look, two_programs_in_one_folder_are_two_services_of_which_one_calls_the_other) {
  Converted found = look({{"api.py", kServer},
                          {"web.js",
                           "const http = require('http');\n"
                           "http.get('http://localhost:8000/items');\n"
                           "http.createServer(show).listen(process.env.PORT || 3000);\n"}});
  EXPECT_EQ(found.plan.app, "shop");
  ASSERT_EQ(found.plan.services.size(), 2U);
  EXPECT_EQ(command_of(found.service("api")), "/usr/bin/python3 api.py");
  EXPECT_EQ(found.service("api").ports.front().number, 8000);
  EXPECT_EQ(command_of(found.service("web")), "/usr/bin/node web.js");
  EXPECT_EQ(found.service("web").ports.front().number, 3000);
  EXPECT_EQ(calls_of(found.service("web")), "api@8000");
  ASSERT_EQ(found.plan.gateway.routes.size(), 1U);
  EXPECT_EQ(found.plan.gateway.routes.front().to, "web");
}

TEST(Look, each_guess_stands_as_a_comment_with_its_place) {
  Converted found = look({{"api.py", kServer}, {"web.js", "get('http://api:8000/');\nserver.listen(3000);\n"}});
  EXPECT_THAT(found.manifest, testing::HasSubstr("port: 8000  # a guess from api.py:2\n"));
  EXPECT_THAT(found.manifest, testing::HasSubstr("api:  # web.js:1\n"));
}

struct Case {
  std::string what;
  std::vector<std::pair<std::string, std::string>> files;
  std::string command;
  int port;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.what; }

class OneProgram : public testing::TestWithParam<Case> {};

TEST_P(OneProgram, is_found_with_its_command_and_port) {
  Converted found = look(GetParam().files);
  ASSERT_EQ(found.plan.services.size(), 1U) << found.manifest;
  const ServicePlan& service = found.plan.services.front();
  EXPECT_EQ(command_of(service), GetParam().command);
  EXPECT_EQ(service.ports.empty() ? 0 : service.ports.front().number, GetParam().port);
}

INSTANTIATE_TEST_SUITE_P(
    Look, OneProgram,
    testing::Values(
        Case{"npm start is the script it stands for",
             {{"package.json", R"({"scripts": {"start": "NODE_ENV=production node src/index.js --quiet"}})"},
              {"src/index.js", "app.listen(process.env.PORT ?? 4000)"}},
             "/usr/bin/node src/index.js --quiet",
             4000},
        Case{"a tool of node's packages is run by node",
             {{"package.json", R"({"scripts": {"start": "next start"}})"}},
             "/usr/bin/node node_modules/.bin/next start",
             3000},
        Case{"main of package.json",
             {{"package.json", R"({"main": "lib/go.js"})"}, {"lib/go.js", "x.listen(5001)"}},
             "/usr/bin/node lib/go.js",
             5001},
        Case{"Flask that runs itself",
             {{"app.py", "app = Flask(__name__)\nif __name__ == '__main__':\n    app.run()\n"}},
             "/usr/bin/python3 app.py",
             5000},
        Case{"Flask that does not",
             {{"app.py", "app = Flask(__name__)\n"}},
             "/usr/bin/python3 -m flask --app app run --host 0.0.0.0 --port 5000",
             5000},
        Case{"FastAPI",
             {{"main.py", "app = FastAPI()\n"}},
             "/usr/bin/python3 -m uvicorn main:app --host 0.0.0.0 --port 8000",
             8000},
        Case{"Django",
             {{"manage.py", "execute_from_command_line(sys.argv)\n"}},
             "/usr/bin/python3 manage.py runserver --noreload 0.0.0.0:8000",
             8000},
        Case{"a virtual environment", {{"app.py", kServer}, {".venv/x", ""}}, ".venv/bin/python app.py", 8000},
        Case{"a compiled program",
             {{"server", "ELF"}, {"main.go", "http.ListenAndServe(\":9090\", nil)"}},
             "./server",
             9090},
        Case{"Rust",
             {{"target/release/shop", "ELF"}, {"src/main.rs", "TcpListener::bind((\"0.0.0.0\", 7000))"}},
             "./target/release/shop",
             7000},
        Case{"Java",
             {{"target/shop-1.0.jar", ""}, {"pom.xml", "<artifactId>spring-boot-starter</artifactId>"}},
             "/usr/bin/java -jar target/shop-1.0.jar",
             8080},
        Case{"Ruby", {{"app.rb", "require 'sinatra'\nset :port, 4567\n"}}, "/usr/bin/ruby app.rb", 4567},
        Case{"PHP", {{"index.php", "<?php echo 1;"}}, "/usr/bin/php -S 0.0.0.0:8000 -t .", 8000},
        Case{"a script",
             {{"serve.sh", "#!/bin/sh\nexec python3 -m http.server --bind 0.0.0.0 8000 # port 8000\n"}},
             "./serve.sh",
             8000},
        Case{"a Dockerfile",
             {{"Dockerfile",
               "FROM python:3\nWORKDIR /code\nCOPY . .\nEXPOSE 8500\nENV MODE=full\nCMD [\"gunicorn\", "
               "\"shop:app\"]\n"}},
             "/usr/bin/python3 -m gunicorn shop:app",
             8500},
        Case{"pyproject's scripts",
             {{"pyproject.toml", "[project.scripts]\nshop = \"shop.main:run\"\n"},
              {"shop/main.py", "def run(): serve(port=8123)\n"}},
             "/usr/bin/python3 -c from shop.main import run; run()",
             8123},
        Case{"a worker has no port", {{"main.py", "while True: work()\n"}}, "/usr/bin/python3 main.py", 0}),
    [](const auto& info) { return std::to_string(info.index); });

TEST(Look, each_line_of_a_procfile_is_a_service_and_web_gets_the_route) {
  Converted found = look({{"Procfile",
                           "release: python manage.py migrate\nweb: gunicorn shop:app -b 0.0.0.0:$PORT\nworker: celery "
                           "-A shop worker\n"}});
  EXPECT_EQ(command_of(found.service("web")),
            "/bin/sh -c exec /usr/bin/python3 -m gunicorn shop:app -b 0.0.0.0:$$PORT");
  EXPECT_EQ(command_of(found.service("worker")), "/usr/bin/python3 -m celery -A shop worker");
  EXPECT_TRUE(found.service("release").is_job);
  EXPECT_EQ(found.plan.gateway.routes.front().to, "web");
}

TEST(Look, a_folder_of_folders_is_a_service_each) {
  Converted found = look({{"catalog/app.py", "import os\nHTTPServer(('', int(os.environ.get('PORT', 7001))), H)\n"},
                          {"checkout/package.json", R"({"scripts": {"start": "node checkout.js"}})"},
                          {"checkout/checkout.js", "const catalog = process.env.CATALOG_URL;\nserver.listen(7002);\n"},
                          {"node_modules/x/server.js", "listen(1)"},
                          {"docs/app.py", "listen(8000)"}});
  ASSERT_EQ(found.plan.services.size(), 2U) << found.manifest;
  const ServicePlan& checkout = found.service("checkout");
  EXPECT_EQ(checkout.dir, "./checkout");
  EXPECT_EQ(calls_of(checkout), "catalog");
  ASSERT_EQ(checkout.environment.size(), 1U);
  EXPECT_EQ(checkout.environment.front().value, "http://catalog:7001");
  EXPECT_EQ(found.service("catalog").ports.front().number, 7001);
  EXPECT_EQ(found.plan.gateway.routes.front().to, "checkout");
}

TEST(Look, a_program_that_is_not_there_yet_is_built) {
  Converted found = look({{"shop/go.mod", "module shop\n"},
                          {"shop/main.go", "package main\nfunc main() { http.ListenAndServe(\":7000\", nil) }\n"},
                          {"count/Cargo.toml", "[package]\nname = \"counter\"\n"},
                          {"count/src/main.rs", "fn main() {}\n"},
                          {"old/Dockerfile", "FROM debian\nCMD [\"./old\"]\n"},
                          {"old/Makefile", "old: old.c\n"},
                          {"page/Dockerfile", "FROM node\nCMD [\"./out/serve\"]\n"},
                          {"page/package.json", R"({"scripts": {"build": "tsc"}})"}});
  EXPECT_EQ(command_of(found.service("shop")), "./shop");
  EXPECT_EQ(found.service("shop").build, "go build -o shop .");
  EXPECT_EQ(found.service("shop").ports.front().number, 7000);
  EXPECT_EQ(command_of(found.service("count")), "./target/release/counter");
  EXPECT_EQ(found.service("count").build, "cargo build --release");
  EXPECT_EQ(found.service("old").build, "make");
  EXPECT_EQ(found.service("page").build, "npm run build");
  EXPECT_TRUE(found.plan.edits.empty()) << found.plan.edits.front().text;
}

TEST(Look, a_makefile_says_what_it_builds) {
  Converted found = look({{"Makefile", "CC = gcc\nall: server\nserver: server.c\n\t$(CC) -o server server.c\n"},
                          {"server.c", "int main(void) { return 0; }\n"}});
  ASSERT_EQ(found.plan.services.size(), 1U);
  EXPECT_EQ(command_of(found.plan.services.front()), "./server");
  EXPECT_EQ(found.plan.services.front().build, "make");
}

TEST(Look, what_make_builds_is_read_as_it_stands) {
  EXPECT_EQ(made_program("server: server.c\n\tcc -o $@ $<\n"), "server");
  EXPECT_EQ(made_program("# x\nCFLAGS := -O2\n.PHONY: all clean\nall: api tool\napi: api.c\nclean:\n"), "api");
  EXPECT_EQ(made_program(".PHONY: build\nbuild: out ; @true\n"), "out");
  EXPECT_EQ(made_program("%.o: %.c\n\tcc $<\napp: a.o\n"), "app");
  for (const char* none : {"", "all:\n", "$(PROGRAM): x.c\n", "all: $(PROGRAM)\n", "lib.a: x.o\n", "bin/app: x.c\n",
                           ".PHONY: all test\nall: test\n", "X = a:b\n", "a::=b\n", "-rf: x\n"})
    EXPECT_EQ(made_program(none), "") << none;
}

TEST(Look, what_is_to_be_fetched_is_an_edit_with_its_command) {
  Folder folder = folder_of({{"api/app.py", kServer}, {"api/requirements.txt", "flask==3\n"}});
  Host host = host_with({"/usr/bin/python3"});
  auto plan = look_at(folder, host);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->edits.size(), 2U);
  EXPECT_EQ(plan->edits[0].run, "apt-get install -y --no-install-recommends python3-pip");
  EXPECT_EQ(plan->edits[1].run, "(cd api && /usr/bin/python3 -m pip install --target .packages -r requirements.txt)");
  EXPECT_EQ(plan->edits[1].line, 6);
  EXPECT_THAT(checked_manifest(*plan), testing::HasSubstr("PYTHONPATH: /app/.packages"));
}

TEST(Look, an_empty_folder_says_what_was_looked_for) {
  Host host = full_host();
  auto nothing = look_at(folder_of({{"readme.txt", "hello"}}), host);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().cause, Cause::not_found);
  EXPECT_THAT(nothing.error().message, testing::HasSubstr("package.json with a start script"));
  auto compose = look_at(folder_of({{"compose.yml", "services: {}"}}), host);
  ASSERT_FALSE(compose);
  EXPECT_THAT(compose.error().message, testing::HasSubstr("bulkhead init --from compose.yml"));
}

TEST(Look, a_port_of_localhost_where_several_listen_is_nobodys) {
  Converted found = look(
      {{"a/app.py", kServer}, {"b/app.py", kServer}, {"c/server.js", "get('http://localhost:8000');\nx.listen(3000)"}});
  EXPECT_EQ(calls_of(found.service("c")), "");
  EXPECT_THAT(found.left_out("c", "calls"), testing::HasSubstr("several services listen"));
}

TEST(Look, a_script_beside_the_folders_of_services_is_a_tool) {
  Converted found = look({{"drive", "#!/bin/sh\ncurl x\n"},
                          {"one/app.py", kServer},
                          {"two/two.py", "if __name__ == '__main__':\n  work()\n"}});
  ASSERT_EQ(found.plan.services.size(), 2U) << found.manifest;
  EXPECT_TRUE(found.plan.service("one"));
  EXPECT_TRUE(found.plan.service("two"));
}

TEST(Look, names_are_what_a_manifest_allows) {
  Converted found = look({{"My_Service/app.py", kServer},
                          {"my-service/app.py", kServer},
                          {"2nd/app.py", kServer},
                          {"localhost/app.py", kServer}});
  EXPECT_TRUE(found.plan.service("my-service"));
  EXPECT_TRUE(found.plan.service("my-service-2"));
  EXPECT_TRUE(found.plan.service("s2nd"));
  EXPECT_TRUE(found.plan.service("localhost-2"));
}

}  // namespace
}  // namespace bulkhead::scaffold
