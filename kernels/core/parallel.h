// The thread pool of every CPU loop: OpenMP's, the same one oneDNN uses, so a run never has two pools.
#pragma once

#include <cstdint>
#include <utility>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace cuhue {

inline int max_threads() {
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  return 1;
#endif
}

inline int thread_index() {
#if defined(_OPENMP)
  return omp_get_thread_num();
#else
  return 0;
#endif
}

// Calls body(begin, end) over disjoint ranges that cover [0, count); at least `grain` items a range. The
// split depends on the thread count only through its borders, so a body that treats items one by one gives
// the same bits for any number of threads. body must not throw.
template <class Body>
void parallel_for(std::int64_t count, [[maybe_unused]] std::int64_t grain, Body&& body) {
  if (count <= 0) return;
#if defined(_OPENMP)
  const std::int64_t most = (count + grain - 1) / grain;
  const std::int64_t parts = most < omp_get_max_threads() ? most : omp_get_max_threads();
  if (parts > 1) {
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(parts))
    for (std::int64_t p = 0; p < parts; ++p) body(count * p / parts, count * (p + 1) / parts);
    return;
  }
#endif
  body(std::int64_t{0}, count);
}

// Sets the calling thread's pool size for a scope. 0 = leave as it is.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) {
#if defined(_OPENMP)
    before_ = omp_get_max_threads();
    if (threads > 0) omp_set_num_threads(threads);
#else
    (void)threads;
#endif
  }
  ~ThreadScope() {
#if defined(_OPENMP)
    omp_set_num_threads(before_);
#endif
  }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  [[maybe_unused]] int before_ = 0;
};

}  // namespace cuhue
