// promise, and the results that come at thread exit.
#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::code_of;
using namespace std::chrono_literals;
using sut::future;
using sut::future_errc;
using sut::future_status;
using sut::promise;

template <class R>
concept promises = conformance::moves_only<promise<R>> &&
    std::is_default_constructible_v<promise<R>> &&
    std::is_constructible_v<promise<R>, std::allocator_arg_t, std::allocator<char>> &&
    std::uses_allocator_v<promise<R>, std::allocator<char>> &&
    requires(promise<R> p, std::exception_ptr error) {
  { p.swap(p) } -> std::same_as<void>;
  requires noexcept(p.swap(p));
  { sut::swap(p, p) } -> std::same_as<void>;
  requires noexcept(sut::swap(p, p));
  { p.get_future() } -> std::same_as<future<R>>;
  { p.set_exception(error) } -> std::same_as<void>;
  { p.set_exception_at_thread_exit(error) } -> std::same_as<void>;
};

static_assert(promises<int> && promises<int&> && promises<void>);

template <class R, class... Given>
concept takes = requires(promise<R> p, Given&&... given) {
  { p.set_value(std::forward<Given>(given)...) } -> std::same_as<void>;
  { p.set_value_at_thread_exit(std::forward<Given>(given)...) } -> std::same_as<void>;
};

static_assert(takes<int, int> && takes<int, int const&> && takes<int&, int&> && takes<void>);
static_assert(!takes<int&, int const&> && !takes<int&, int> && !takes<void, int> && !takes<int>);

// To make only sure that there is one. The compiler says nothing.
CONFORMANCE_TEST(Promise, ItsFutureMayBeDropped) {
  promise<int> p;
  p.get_future();
  EXPECT_EQ(code_of([&] { p.get_future(); }), future_errc::future_already_retrieved);
}

CONFORMANCE_TEST(Promise, MisuseIsReported) {
  promise<int> p;
  future<int> f = p.get_future();
  EXPECT_EQ(code_of([&] { static_cast<void>(p.get_future()); }),
            future_errc::future_already_retrieved);
  p.set_value(1);
  auto const satisfied = future_errc::promise_already_satisfied;
  auto const error = std::make_exception_ptr(std::runtime_error("no"));
  EXPECT_EQ(code_of([&] { p.set_value(2); }), satisfied);
  EXPECT_EQ(code_of([&] { p.set_exception(error); }), satisfied);
  EXPECT_EQ(code_of([&] { p.set_value_at_thread_exit(2); }), satisfied);
  EXPECT_EQ(code_of([&] { p.set_exception_at_thread_exit(error); }), satisfied);
  EXPECT_EQ(f.get(), 1);
  promise<int> moved(std::move(p));
  EXPECT_EQ(code_of([&] { static_cast<void>(p.get_future()); }), future_errc::no_state);
  EXPECT_EQ(code_of([&] { p.set_value(2); }), future_errc::no_state);
  EXPECT_EQ(code_of([&] { p.set_exception(error); }), future_errc::no_state);
  EXPECT_EQ(code_of([&] { p.set_value_at_thread_exit(2); }), future_errc::no_state);
  EXPECT_EQ(code_of([&] { p.set_exception_at_thread_exit(error); }), future_errc::no_state);
}

CONFORMANCE_TEST(Promise, OneThatGoesIsBroken) {
  auto p = std::make_unique<promise<int>>();
  auto f = p->get_future();
  p.reset();
  EXPECT_EQ(code_of([&] { static_cast<void>(f.get()); }), future_errc::broken_promise);
  promise<int> other;
  f = other.get_future();
  other = promise<int>();
  EXPECT_EQ(code_of([&] { static_cast<void>(f.get()); }), future_errc::broken_promise);
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(throws_when_copied const&) { throw std::runtime_error("copied"); }
  throws_when_copied(throws_when_copied&&) noexcept = default;
};

CONFORMANCE_TEST(Promise, AValueThatCannotBeMadeIsNotProvided) {
  promise<throws_when_copied> p;
  auto f = p.get_future();
  throws_when_copied const value;
  EXPECT_THROW(p.set_value(value), std::runtime_error);
  p.set_value(throws_when_copied());
  static_cast<void>(f.get());
}

/// The least that an allocator is; it counts what it has given.
template <class T>
struct counting_allocator {
  using value_type = T;

  explicit counting_allocator(int& counter) noexcept : living(&counter) {}
  template <class U>
  counting_allocator(counting_allocator<U> const& other) noexcept : living(other.living) {}

  T* allocate(std::size_t n) {
    ++*living;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* place, std::size_t n) noexcept {
    --*living;
    std::allocator<T>().deallocate(place, n);
  }
  friend bool operator==(counting_allocator const& a, counting_allocator const& b) noexcept {
    return a.living == b.living;
  }

  int* living;
};

template <class R, class... Given>
void takes_its_memory_from_an_allocator(Given&&... given) {
  int living = 0;
  {
    promise<R> p(std::allocator_arg, counting_allocator<char>(living));
    auto f = p.get_future();
    EXPECT_GE(living, 1);
    p.set_value(std::forward<Given>(given)...);
    p = promise<R>();
    EXPECT_GE(living, 1);
    f.get();
  }
  EXPECT_EQ(living, 0);
}

CONFORMANCE_TEST(Promise, TakesItsMemoryFromAnAllocator) {
  int target = 0;
  takes_its_memory_from_an_allocator<int>(1);
  takes_its_memory_from_an_allocator<int&>(target);
  takes_its_memory_from_an_allocator<void>();
  std::pmr::monotonic_buffer_resource none(std::pmr::null_memory_resource());
  EXPECT_THROW(promise<int>(std::allocator_arg, std::pmr::polymorphic_allocator<>(&none)),
               std::bad_alloc);
}

CONFORMANCE_TEST(Promise, Swaps) {
  promise<int> a;
  promise<int> b;
  auto f = a.get_future();
  swap(a, b);
  a.swap(b);
  swap(a, b);
  b.set_value(2);
  EXPECT_EQ(f.get(), 2);
}

/// A thread provides a result by `provide`, of which nothing is to be seen until its locals are
/// gone.
template <class R, class Provide>
void provides_at_thread_exit(future<R>& f, Provide provide) {
  std::atomic<bool> gone{false};
  sut::thread other([&] {
    conformance::local<conformance::tells_when_it_goes>().gone = &gone;
    provide();
    EXPECT_EQ(f.wait_for(0s), future_status::timeout);
  });
  f.wait();
  EXPECT_TRUE(gone.load());
  other.join();
}

CONFORMANCE_TEST(Promise, ProvidesAtThreadExit) {
  promise<std::unique_ptr<int>> value;
  promise<int> copied;
  promise<int&> reference;
  promise<void> nothing;
  promise<int> error;
  int target = 3;
  auto a = value.get_future();
  auto b = copied.get_future();
  auto c = reference.get_future();
  auto d = nothing.get_future();
  auto e = error.get_future();
  provides_at_thread_exit(a, [&] { value.set_value_at_thread_exit(std::make_unique<int>(2)); });
  provides_at_thread_exit(b, [&] { copied.set_value_at_thread_exit(target); });
  provides_at_thread_exit(c, [&] { reference.set_value_at_thread_exit(target); });
  provides_at_thread_exit(d, [&] { nothing.set_value_at_thread_exit(); });
  provides_at_thread_exit(e, [&] {
    error.set_exception_at_thread_exit(std::make_exception_ptr(std::runtime_error("no")));
    EXPECT_EQ(code_of([&] { error.set_value(1); }), future_errc::promise_already_satisfied);
  });
  EXPECT_EQ(*a.get(), 2);
  EXPECT_EQ(b.get(), 3);
  EXPECT_EQ(&c.get(), &target);
  d.get();
  EXPECT_THROW(e.get(), std::runtime_error);
}

CONFORMANCE_TEST(Promise, MayGoBeforeTheThreadThatProvides) {
  future<int> f;
  sut::thread other([&f] {
    promise<int> p;
    f = p.get_future();
    p.set_value_at_thread_exit(5);
  });
  other.join();
  EXPECT_EQ(f.get(), 5);
}

}  // namespace
