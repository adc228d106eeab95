// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/arena.h"

#include <algorithm>
#include <new>

namespace joist {
namespace {

void Poison([[maybe_unused]] const char* data, [[maybe_unused]] size_t size) {
#ifdef JOIST_ASAN
  ASAN_POISON_MEMORY_REGION(data, size);
#endif
}

}  // namespace

Arena::Chunk* Arena::AddChunk(Chunk* latest, size_t size) {
  const size_t grown =
      latest == nullptr ? kFirstChunkBytes : std::min(kLargestChunkBytes, latest->size() * 2);
  const size_t chunk_size = std::max(grown, size);
  auto* chunk = static_cast<Chunk*>(::operator new(sizeof(Chunk) + chunk_size));
  chunk->previous = latest;
  chunk->end = chunk->data() + chunk_size;
  chunk->held = chunk_size + (latest == nullptr ? 0 : latest->held);
  Poison(chunk->data(), chunk_size);
  return chunk;
}

Arena::Chunk* Arena::KeepOne(Chunk* latest) {
  // The newest chunk is the largest of the regular ones; one chunk is enough to go on with.
  if (latest->previous != nullptr) Free(std::exchange(latest->previous, nullptr));
  if (latest->size() > kRetainBytes) {
    Free(latest);
    return nullptr;
  }
  latest->held = latest->size();
  Poison(latest->data(), latest->size());
  return latest;
}

void Arena::Free(Chunk* latest) {
  while (latest != nullptr) {
    Chunk* const previous = latest->previous;
    Unpoison(latest->data(), latest->size());
    ::operator delete(latest);
    latest = previous;
  }
}

}  // namespace joist
