// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/arena.h"

#include <algorithm>

namespace joist {

char* Arena::AllocateSlow(size_t size) {
  const size_t grown =
      chunks_.empty() ? kFirstChunkBytes : std::min(kLargestChunkBytes, chunks_.back().size * 2);
  const size_t chunk_size = std::max(grown, size);
  chunks_.push_back({std::unique_ptr<char[]>(new char[chunk_size]), chunk_size});
  held_bytes_ += chunk_size;
  next_ = chunks_.back().data.get();
  end_ = next_ + chunk_size;
#ifdef JOIST_ASAN
  ASAN_POISON_MEMORY_REGION(next_, chunk_size);
#endif
  return Allocate(size);
}

void Arena::Reset() {
  if (chunks_.empty()) return;
  // The newest chunk is the largest of the regular ones; one chunk is enough to go on with.
  Chunk kept = std::move(chunks_.back());
  chunks_.clear();
  if (kept.size > kRetainBytes) {
    next_ = end_ = nullptr;
    held_bytes_ = 0;
    return;
  }
  next_ = kept.data.get();
  end_ = next_ + kept.size;
  held_bytes_ = kept.size;
#ifdef JOIST_ASAN
  ASAN_POISON_MEMORY_REGION(next_, kept.size);
#endif
  chunks_.push_back(std::move(kept));
}

}  // namespace joist
