// Models of the condition variable: no notification is lost, whether a wait's time runs out
// meanwhile or a stop is requested; and the variable may go as soon as all waiters have been
// notified. The user's mutex is a lock of the model's, or the mutex itself.
#include <array>
#include <memory>
#include <span>

#include <ramie/sync/detail/event_core.hpp>
#include <ramie/sync/detail/mutex_core.hpp>
#include <ramie/sync/detail/notification.hpp>

#include "model.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

using notification = detail::basic_notification<relacy_waiting>;

constexpr detail::steady_time never = detail::steady_time::max();

/// The mutex that goes with the condition variable.
class user_mutex {
 public:
  void lock() { core_.lock({"mutex", nullptr}, never, interruptible::no); }
  void unlock() { core_.unlock(); }

 private:
  detail::basic_mutex_core<relacy_waiting, 8> core_;
};

template <std::size_t Threads, class Mutex = model_lock>
struct notifying : waiting_threads<Threads> {
  std::unique_ptr<notification> shared = std::make_unique<notification>();
  Mutex mutex;
  guarded<int> items;   ///< Guarded by the mutex.
  token about_to_wait;  ///< Posted under the mutex.

  wake wait(detail::steady_time deadline = never) {
    return shared->wait(mutex, {"condition_variable", nullptr}, deadline);
  }

  /// Waits until there is an item, and takes it.
  void take() {
    mutex.lock();
    while (items == 0) RL_ASSERT(wait() == wake::unparked);
    items = items - 1;
    mutex.unlock();
    here();
  }
  void put(int number) {
    mutex.lock();
    items = items + number;
    mutex.unlock();
  }

  /// Waits once, for whatever it is. False: the time ran out.
  bool wait_once(detail::steady_time deadline = never) {
    mutex.lock();
    about_to_wait.post();
    wake const outcome = wait(deadline);
    mutex.unlock();
    here(static_cast<unsigned>(outcome));
    return outcome == wake::unparked;
  }
  void await_waiters(int number) {
    for (int i = 0; i < number; ++i) about_to_wait.wait();
    mutex.lock();
    mutex.unlock();
    here();
  }
};

struct notify_one : rl::test_suite<notify_one, 3>, notifying<3> {
  void thread(unsigned index) {
    if (index > 0) return take();
    for (unsigned i = 0; i < 2; ++i) {
      put(1);
      shared->notify_one();
      here(i);
    }
  }
};

struct notify_all : rl::test_suite<notify_all, 3>, notifying<3> {
  void thread(unsigned index) {
    if (index > 0) return take();
    put(2);
    shared->notify_all();
  }
};

/// The waiter is woken into a mutex that others contend for.
struct with_mutex : rl::test_suite<with_mutex, 2>, notifying<2, user_mutex> {
  void thread(unsigned index) {
    if (index > 0) return take();
    put(1);
    shared->notify_one();
  }
};

/// One notification for two waiters, of which one's time runs out: if that has taken the
/// notification, it passes it on.
struct time_out : rl::test_suite<time_out, 3>, notifying<3> {
  void thread(unsigned index) {
    if (index == 0) {
      await_waiters(2);
      shared->notify_one();
    } else if (index == 1) {
      if (wait_once(soon)) shared->notify_one();
    } else {
      RL_ASSERT(wait_once());
    }
  }
};

/// Whoever has notified all destroys the variable.
struct destroy : rl::test_suite<destroy, 3>, notifying<3> {
  void thread(unsigned index) {
    if (index == 0) {
      await_waiters(2);
      shared->notify_all();
      shared.reset();
    } else if (index == 1) {
      wait_once(soon);
    } else {
      RL_ASSERT(wait_once());
    }
  }
};

/// What condition_variable_any does: a wait begins before its owner is bound, and a request to stop
/// ends it too. Whoever has notified all destroys the variable. The waiter waits for something else
/// then, which nothing of the former wait may end.
template <std::size_t Threads>
struct early : rl::test_suite<early<Threads>, Threads>, notifying<Threads> {
  using wait_type = detail::basic_early_wait<relacy_waiting>;

  /// As std::stop_callback: where it has been called, its end waits for the call's.
  template <class OnStop>
  class callback {
   public:
    callback(early& at, OnStop on_stop) : at_(at), on_stop_(on_stop) {
      at_.stopping.lock();
      at_.to_call = this;
      at_.call = [](void* self) { static_cast<callback*>(self)->on_stop_(); };
      if (at_.stop_requested) on_stop_();
      at_.stopping.unlock();
    }
    callback(callback const&) = delete;
    callback& operator=(callback const&) = delete;
    ~callback() {
      at_.stopping.lock();
      at_.to_call = nullptr;
      at_.stopping.unlock();
    }

   private:
    early& at_;
    OnStop on_stop_;
  };

  model_lock stopping;
  guarded<bool> stop_requested;      ///< Guarded by `stopping`, as the next two.
  guarded<void*> to_call = nullptr;  ///< The callback that is there.
  void (*call)(void*) = nullptr;
  detail::basic_event_core<relacy_waiting> later{false, "event"};

  void thread(unsigned index) {
    if (index == 0) {
      this->await_waiters(1);
      this->shared->notify_all();
      this->shared.reset();
      later.set_for_all();
    } else if (index == 1) {
      wait(Threads == 2 ? soon : never);
      here();
      RL_ASSERT(later.wait(never) == wake::unparked);
    } else {
      stopping.lock();
      stop_requested = true;
      if (to_call != nullptr) call(to_call);
      stopping.unlock();
    }
  }

  void wait(detail::steady_time deadline) {
    this->mutex.lock();
    wait_type begun(*this->shared);
    this->about_to_wait.post();
    this->mutex.unlock();
    begun.wait(deadline,
               [this](auto on_stop) { return callback<decltype(on_stop)>(*this, on_stop); });
  }
};

constexpr std::array models_of_condition{
    make_merging_model<notify_one>("condition_notify_one", ""),
    make_merging_model<notify_all>("condition_notify_all", ""),
    make_merging_model<with_mutex>("condition_with_mutex", "M"),
    make_merging_model<time_out>("condition_time_out", ""),
    make_merging_model<destroy>("condition_destroy", ""),
    make_merging_model<early<2>>("condition_early_time_out", ""),
    make_merging_model<early<3>>("condition_early_stop", ""),
};

}  // namespace

std::span<model const> condition_models() {
  return models_of_condition;
}

}  // namespace ramie::models
