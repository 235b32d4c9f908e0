// unique_lock and shared_lock, which have the same members.
#include <chrono>
#include <concepts>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <type_traits>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::code_of;
using conformance::for_clocks;
using conformance::in_another_thread;
using conformance::is_free;
using conformance::soon;
using namespace std::chrono_literals;

using unique = sut::unique_lock<sut::timed_mutex>;
using shared = sut::shared_lock<sut::shared_timed_mutex>;

template <class L>
concept movable_lock = conformance::moves_only<L> && std::is_nothrow_default_constructible_v<L> &&
    requires(L lock, L const fixed, typename L::mutex_type m) {
  requires !std::is_convertible_v<typename L::mutex_type&, L>;
  requires std::is_constructible_v<bool, L> && !std::is_convertible_v<L, bool>;
  requires noexcept(L(m, sut::defer_lock));
  { lock.lock() } -> std::same_as<void>;
  { lock.try_lock() } -> std::same_as<bool>;
  { lock.try_lock_for(1ns) } -> std::same_as<bool>;
  { lock.try_lock_until(conformance::skewed_clock::now()) } -> std::same_as<bool>;
  { lock.unlock() } -> std::same_as<void>;
  { lock.swap(lock) } -> std::same_as<void>;
  requires noexcept(lock.swap(lock));
  { swap(lock, lock) } -> std::same_as<void>;
  requires noexcept(swap(lock, lock));
  { lock.release() } -> std::same_as<typename L::mutex_type*>;
  requires noexcept(lock.release());
  { fixed.owns_lock() } -> std::same_as<bool>;
  requires noexcept(fixed.owns_lock());
  requires noexcept(static_cast<bool>(fixed));
  { fixed.mutex() } -> std::same_as<typename L::mutex_type*>;
  requires noexcept(fixed.mutex());
};

static_assert(std::is_same_v<unique::mutex_type, sut::timed_mutex> && movable_lock<unique>);
static_assert(std::is_same_v<shared::mutex_type, sut::shared_timed_mutex> && movable_lock<shared>);

template <class L>
void each_constructor_does_its_part() {
  typename L::mutex_type m;
  {
    L const none;
    EXPECT_FALSE(none.owns_lock());
    EXPECT_EQ(none.mutex(), nullptr);
    L const deferred(m, sut::defer_lock);
    EXPECT_FALSE(deferred);
    EXPECT_EQ(deferred.mutex(), &m);
    L const held(m);
    EXPECT_TRUE(held.owns_lock() && held);
    EXPECT_FALSE(is_free(m));
  }
  EXPECT_TRUE(is_free(m));
  EXPECT_TRUE(L(m, sut::try_to_lock).owns_lock());
  EXPECT_TRUE(L(m, 1h).owns_lock());
  for_clocks(1h, [&m](auto when) { EXPECT_TRUE(L(m, when).owns_lock()); });
  EXPECT_TRUE(is_free(m));
  m.lock();
  in_another_thread([&m] {
    EXPECT_FALSE(L(m, sut::try_to_lock).owns_lock());
    EXPECT_FALSE(L(m, soon).owns_lock());
    for_clocks(soon, [&m](auto when) { EXPECT_FALSE(L(m, when).owns_lock()); });
  });
  m.unlock();
}

template <class L>
void locks_and_unlocks_again() {
  typename L::mutex_type m;
  L lock(m, sut::defer_lock);
  lock.lock();
  EXPECT_FALSE(is_free(m));
  lock.unlock();
  EXPECT_FALSE(lock.owns_lock());
  EXPECT_TRUE(is_free(m));
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
  EXPECT_TRUE(lock.try_lock_for(1h));
  lock.unlock();
  for_clocks(1h, [&lock](auto when) {
    EXPECT_TRUE(lock.try_lock_until(when));
    lock.unlock();
  });
  m.lock();
  in_another_thread([&lock] {
    EXPECT_FALSE(lock.try_lock());
    EXPECT_FALSE(lock.try_lock_for(soon));
    for_clocks(soon, [&lock](auto when) { EXPECT_FALSE(lock.try_lock_until(when)); });
    EXPECT_FALSE(lock.owns_lock());
  });
  m.unlock();
}

template <class L>
void ownership_moves() {
  typename L::mutex_type a;
  typename L::mutex_type b;
  L first(a);
  L second(std::move(first));
  EXPECT_FALSE(first.owns_lock());
  EXPECT_EQ(first.mutex(), nullptr);
  EXPECT_TRUE(second.owns_lock());
  L third(b);
  third = std::move(second);  // unlocks b
  EXPECT_TRUE(is_free(b));
  EXPECT_EQ(third.mutex(), &a);
  first.swap(third);
  EXPECT_EQ(first.mutex(), &a);
  swap(first, third);
  sut::swap(first, third);
  EXPECT_EQ(first.mutex(), &a);
  sut::swap(first, third);
  EXPECT_EQ(third.mutex(), &a);
  EXPECT_TRUE(third.owns_lock());
  EXPECT_EQ(third.release(), &a);
  EXPECT_EQ(third.mutex(), nullptr);
  EXPECT_FALSE(third.owns_lock());
  EXPECT_FALSE(is_free(a));
  L const adopted(a, sut::adopt_lock);
  EXPECT_TRUE(adopted.owns_lock());
}

template <class L>
void misuse_is_reported() {
  typename L::mutex_type m;
  auto const lock_in_every_way = [](L& lock, std::errc expected) {
    EXPECT_EQ(code_of([&] { lock.lock(); }), expected);
    EXPECT_EQ(code_of([&] { static_cast<void>(lock.try_lock()); }), expected);
    EXPECT_EQ(code_of([&] { static_cast<void>(lock.try_lock_for(1ns)); }), expected);
    for_clocks(1ns, [&](auto when) {
      EXPECT_EQ(code_of([&] { static_cast<void>(lock.try_lock_until(when)); }), expected);
    });
  };
  L none;
  lock_in_every_way(none, std::errc::operation_not_permitted);
  // Not which: libstdc++ 12's shared_lock says resource_deadlock_would_occur.
  EXPECT_THROW(none.unlock(), std::system_error);
  L held(m);
  lock_in_every_way(held, std::errc::resource_deadlock_would_occur);
  held.unlock();
  EXPECT_THROW(held.unlock(), std::system_error);
}

CONFORMANCE_TEST(UniqueLock, EachConstructorDoesItsPart) {
  each_constructor_does_its_part<unique>();
}
CONFORMANCE_TEST(UniqueLock, LocksAndUnlocksAgain) {
  locks_and_unlocks_again<unique>();
}
CONFORMANCE_TEST(UniqueLock, OwnershipMoves) {
  ownership_moves<unique>();
}
CONFORMANCE_TEST(UniqueLock, MisuseIsReported) {
  misuse_is_reported<unique>();
}

CONFORMANCE_TEST(SharedLock, EachConstructorDoesItsPart) {
  each_constructor_does_its_part<shared>();
}
CONFORMANCE_TEST(SharedLock, LocksAndUnlocksAgain) {
  locks_and_unlocks_again<shared>();
}
CONFORMANCE_TEST(SharedLock, OwnershipMoves) {
  ownership_moves<shared>();
}
CONFORMANCE_TEST(SharedLock, MisuseIsReported) {
  misuse_is_reported<shared>();
}

CONFORMANCE_TEST(SharedLock, IsHeldByMany) {
  sut::shared_timed_mutex m;
  sut::shared_lock const here(m);
  in_another_thread([&m] { EXPECT_TRUE(shared(m, sut::try_to_lock).owns_lock()); });
}

CONFORMANCE_TEST(UniqueLock, WorksWithEveryMutex) {
  auto const with = [](auto&& m) {
    sut::unique_lock lock(m);
    EXPECT_TRUE(lock.owns_lock());
    lock.unlock();
    EXPECT_TRUE(lock.try_lock());
  };
  with(sut::mutex());
  with(sut::timed_mutex());
  with(sut::recursive_mutex());
  with(sut::recursive_timed_mutex());
  with(sut::shared_mutex());
  with(sut::shared_timed_mutex());
  sut::shared_mutex m;
  EXPECT_TRUE(sut::shared_lock(m).owns_lock());
}

}  // namespace
