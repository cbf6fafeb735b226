#include "contracts/paths.hpp"

#include <gtest/gtest.h>

#include "contracts/media.hpp"

namespace bulkhead::contracts {
namespace {

TEST(Paths, PreferLiteralsToTemplates) {
  Paths paths;
  const char* templates[] = {"/items", "/items/{id}", "/items/new", "/items/{id}/price", "/items/new/{what}/x",
                             "/",      "/items/"};
  for (std::uint32_t i = 0; i < std::size(templates); ++i) ASSERT_TRUE(paths.add(templates[i], i)) << templates[i];
  PathMatch match;
  EXPECT_EQ(paths.match("/items", match), 0U);
  EXPECT_EQ(paths.match("/items/7%2d8", match), 1U);
  EXPECT_EQ(match.values, std::vector<std::string>{"7-8"});
  EXPECT_EQ(paths.match("/items/new", match), 2U);
  EXPECT_EQ(paths.match("/items/%6eew", match), 2U);
  EXPECT_EQ(paths.match("/items/7/price", match), 3U);
  EXPECT_EQ(paths.match("/items/new/y/x", match), 4U);
  EXPECT_EQ(paths.match("/", match), 5U);
  EXPECT_EQ(paths.match("/items/", match), 6U);
  for (const char* path :
       {"", "items", "/items//price", "/items/a%2fb", "/items/%zz", "/items/%00", "/items/7/", "/Items"}) {
    EXPECT_FALSE(paths.match(path, match)) << path;
  }
}

TEST(Paths, RefuseThoseThatCompete) {
  Paths paths;
  ASSERT_TRUE(paths.add("/a/{x}", 0));
  EXPECT_FALSE(paths.add("/a/{y}", 1));
  EXPECT_FALSE(paths.add("/{z}/b", 1));  // both match /a/b
  EXPECT_TRUE(paths.add("/{z}/b/c", 1));
  EXPECT_TRUE(paths.add("/{p}/{q}", 2));
  for (const char* text : {"a", "/{a}.json", "/{a}/{a}", "/a?b", "/{}", "/%zz"})
    EXPECT_FALSE(paths.add(text, 3)) << text;
}

TEST(MediaTypes, AreReadStrictlyAndTheNearestIsTaken) {
  std::string type;
  std::string charset;
  EXPECT_TRUE(media_type("Application/JSON; Charset=\"UTF-8\"", type, charset));
  EXPECT_EQ(type, "application/json");
  EXPECT_EQ(charset, "utf-8");
  for (const char* text :
       {"", "json", "application/", "a/b/c", "application/json, text/html", "application/json; charset",
        "application/json; charset=utf-8; charset=utf-7", "application/json; charset=\"x"}) {
    EXPECT_FALSE(media_type(text, type, charset)) << text;
  }
  const std::vector<MediaType> declared{{"*/*"}, {"text/*"}, {"text/plain"}};
  EXPECT_EQ(select_media(declared, "text/plain")->range, "text/plain");
  EXPECT_EQ(select_media(declared, "text/html")->range, "text/*");
  EXPECT_EQ(select_media(declared, "image/png")->range, "*/*");
  EXPECT_EQ(select_media({}, "image/png"), nullptr);
}

}  // namespace
}  // namespace bulkhead::contracts
