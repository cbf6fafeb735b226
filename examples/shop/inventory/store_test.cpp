#include "store.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace shop {
namespace {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    char name[] = "/tmp/shop-store-XXXXXX";
    directory_ = mkdtemp(name);
    store_ = std::make_unique<Store>(file());
    store_->receive_new("# the shelf\nrope 10\nlamp 2 # brass\n");
  }
  ~StoreTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::string file() const { return directory_ + "/inventory.db"; }
  template <typename Change>
  Reservation in_transaction(Change change) {
    store_->begin();
    Reservation result = change(*store_);
    store_->commit();
    return result;
  }
  State reserve(std::string_view order, const std::vector<Line>& lines) {
    return in_transaction([&](Store& store) { return store.reserve(order, lines); }).state;
  }
  State commit(std::string_view order) {
    return in_transaction([&](Store& store) { return store.commit_order(order); }).state;
  }
  State release(std::string_view order) {
    return in_transaction([&](Store& store) { return store.release_order(order); }).state;
  }

  std::string directory_;
  std::unique_ptr<Store> store_;
};

using Items = std::vector<Item>;

TEST_F(StoreTest, WhatIsLeftIsReservedByNobody) {
  EXPECT_EQ(store_->left("rope"), 10);
  reserve("a", {{"rope", 3}});
  EXPECT_EQ(store_->left("rope"), 7);
  commit("a");
  EXPECT_EQ(store_->left("rope"), 7);
  EXPECT_EQ(store_->left("sail"), std::nullopt);
}

TEST_F(StoreTest, AReservationHoldsTheGoodsAndCommitTakesThem) {
  EXPECT_EQ(reserve("a", {{"rope", 3}, {"lamp", 1}}), State::reserved);
  EXPECT_EQ(store_->stock(), (Items{{"lamp", 2, 2, 1, 0}, {"rope", 10, 10, 3, 0}}));
  EXPECT_EQ(commit("a"), State::committed);
  EXPECT_EQ(store_->stock(), (Items{{"lamp", 2, 1, 0, 1}, {"rope", 10, 7, 0, 3}}));
}

TEST_F(StoreTest, EveryStepMayBeRepeated) {
  for (int time = 0; time < 2; ++time) EXPECT_EQ(reserve("a", {{"rope", 3}}), State::reserved);
  for (int time = 0; time < 2; ++time) EXPECT_EQ(commit("a"), State::committed);
  EXPECT_EQ(reserve("a", {{"rope", 3}}), State::committed);
  EXPECT_EQ(release("a"), State::committed);
  EXPECT_EQ(store_->stock(), (Items{{"lamp", 2, 2, 0, 0}, {"rope", 10, 7, 0, 3}}));
}

TEST_F(StoreTest, AnOrderHoldsAllOfItsLinesOrNone) {
  EXPECT_EQ(reserve("a", {{"rope", 3}, {"lamp", 3}}), State::out_of_stock);
  EXPECT_EQ(reserve("b", {{"rope", 1}, {"anchor", 1}}), State::out_of_stock);
  EXPECT_EQ(store_->stock(), (Items{{"lamp", 2, 2, 0, 0}, {"rope", 10, 10, 0, 0}}));
}

TEST_F(StoreTest, ReleasedGoodsCanBeReservedAgain) {
  EXPECT_EQ(reserve("a", {{"lamp", 2}}), State::reserved);
  EXPECT_EQ(reserve("b", {{"lamp", 1}}), State::out_of_stock);
  EXPECT_EQ(release("a"), State::released);
  EXPECT_EQ(reserve("b", {{"lamp", 1}}), State::reserved);
}

TEST_F(StoreTest, AReserveThatComesAfterItsReleaseHoldsNothing) {
  EXPECT_EQ(release("a"), State::released);
  EXPECT_EQ(reserve("a", {{"rope", 3}}), State::released);
  EXPECT_EQ(commit("a"), State::released);
  EXPECT_EQ(store_->stock(), (Items{{"lamp", 2, 2, 0, 0}, {"rope", 10, 10, 0, 0}}));
}

TEST_F(StoreTest, AnUnknownOrderCannotBeCommitted) { EXPECT_EQ(commit("a"), State::unspecified); }

TEST_F(StoreTest, ARefusedChangeLeavesItsNeighboursInTheTransaction) {
  store_->begin();
  EXPECT_EQ(store_->reserve("a", {{"lamp", 3}}).state, State::out_of_stock);
  EXPECT_EQ(store_->reserve("b", {{"lamp", 2}}).state, State::reserved);
  store_->commit();
  EXPECT_EQ(store_->reservations(""), (std::vector<Reservation>{{"b", State::reserved, {{"lamp", 2}}, {}}}));
}

TEST_F(StoreTest, WhatWasRolledBackIsGone) {
  store_->begin();
  store_->reserve("a", {{"lamp", 2}});
  store_->rollback();
  EXPECT_EQ(reserve("b", {{"lamp", 2}}), State::reserved);
}

TEST_F(StoreTest, TheStockOutlivesTheProcessAndIsReceivedOnce) {
  EXPECT_EQ(reserve("a", {{"rope", 3}}), State::reserved);
  EXPECT_EQ(commit("a"), State::committed);
  store_ = std::make_unique<Store>(file());
  store_->receive_new("rope 10\nsail 4\n");
  EXPECT_EQ(store_->stock(), (Items{{"lamp", 2, 2, 0, 0}, {"rope", 10, 7, 0, 3}, {"sail", 4, 4, 0, 0}}));
}

TEST_F(StoreTest, ReservationsAreFoundByTheBeginningOfTheirOrder) {
  for (const char* order : {"r1-1", "r1-2", "r2-1"}) reserve(order, {{"rope", 1}});
  EXPECT_EQ(store_->reservations("r1-").size(), 2U);
  EXPECT_EQ(store_->reservations("").size(), 3U);
  EXPECT_TRUE(store_->reservations("r3").empty());
}

}  // namespace
}  // namespace shop
