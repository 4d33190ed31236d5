// A visitor of a variant made of lambdas.
#pragma once

namespace cuhue {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace cuhue
