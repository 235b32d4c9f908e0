#include "inbox_queue.hpp"

#if defined(__SANITIZE_THREAD__)
#define RAMIE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RAMIE_TSAN 1
#endif
#endif

#ifdef RAMIE_TSAN
extern "C" {
void AnnotateIgnoreReadsBegin(char const* file, int line);
void AnnotateIgnoreReadsEnd(char const* file, int line);
void AnnotateIgnoreWritesBegin(char const* file, int line);
void AnnotateIgnoreWritesEnd(char const* file, int line);
}
#endif

namespace ramie::detail {

namespace {

// The one annotation that ramie's TSan builds need; why it is right stands in the header.
class plain_accesses_ignored {
 public:
#ifdef RAMIE_TSAN
  plain_accesses_ignored() noexcept {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~plain_accesses_ignored() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  plain_accesses_ignored() noexcept = default;
#endif
  plain_accesses_ignored(plain_accesses_ignored const&) = delete;
  plain_accesses_ignored& operator=(plain_accesses_ignored const&) = delete;
};

}  // namespace

inbox_queue::inbox_queue() = default;

bool inbox_queue::push(fiber_record* item) noexcept {
  [[maybe_unused]] plain_accesses_ignored const here;
  return queue_.bounded_push(item);
}

bool inbox_queue::pop(fiber_record*& item) noexcept {
  [[maybe_unused]] plain_accesses_ignored const here;
  return queue_.pop(item);
}

bool inbox_queue::empty() const noexcept {
  [[maybe_unused]] plain_accesses_ignored const here;
  return queue_.empty();
}

}  // namespace ramie::detail
