// What a user puts in beside photos: for single ones of a call, or for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "weights/status.h"

namespace cuhue {

inline constexpr std::size_t kAllPhotos = static_cast<std::size_t>(-1);

template <class T>
class PerPhoto {
 public:
  // photo: its place in a call, or kAllPhotos, in place of what single photos were given.
  void set(std::size_t photo, T value) {
    ++version_;
    if (photo == kAllPhotos) {
      own_.clear();
      all_ = std::move(value);
    } else {
      own_.insert_or_assign(photo, std::move(value));
    }
  }
  void clear() {
    ++version_;
    all_.reset();
    own_.clear();
  }
  std::int64_t version() const { return version_; }  // another after every change

  const T* find(std::size_t photo) const {  // nullptr = none
    const auto own = own_.find(photo);
    if (own != own_.end()) return &own->second;
    return all_ ? &*all_ : nullptr;
  }

  // Error(Status::usage): something for a photo that is not among `count`. things: "hints".
  void check_count(std::size_t count, const char* things) const {
    if (own_.empty() || own_.rbegin()->first < count) return;
    throw Error(Status::usage, "there are " + std::string(things) + " for photo " +
                                   std::to_string(own_.rbegin()->first) + ", but the call has " +
                                   std::to_string(count) + " (counted from 0); clear the " + things +
                                   ", or give that photo too");
  }

 private:
  std::optional<T> all_;
  std::map<std::size_t, T> own_;
  std::int64_t version_ = 0;
};

}  // namespace cuhue
