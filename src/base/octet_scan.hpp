#pragma once

// Sixteen octets at once, for checks that every byte of a message passes.

#if defined(__SSE2__)
#include <cstdint>
#include <cstring>
#include <string_view>

#include <emmintrin.h>

namespace bulkhead {

// Whether `bad`, which marks octets of a vector with ones, marks any of `text`. What is no multiple of sixteen is
// looked at twice in part.
template <class Bad>  // __m128i(__m128i)
bool any_octet(std::string_view text, Bad bad) {
  const char* at = text.data();
  std::size_t size = text.size();
  const auto marked = [&](__m128i octets) { return _mm_movemask_epi8(bad(octets)) != 0; };
  const auto load = [](const char* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); };
  if (size >= 16) {
    for (; size > 16; at += 16, size -= 16) {
      if (marked(load(at))) return true;
    }
    return marked(load(at + size - 16));
  }
  if (size >= 8) {
    const auto half = [](const char* from) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)); };
    return marked(_mm_unpacklo_epi64(half(at), half(at + size - 8)));
  }
  if (size >= 4) {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    std::memcpy(&begin, at, 4);
    std::memcpy(&end, at + size - 4, 4);
    return marked(_mm_set_epi32(begin, end, begin, end));
  }
  for (; size > 0; --size, ++at) {
    if (marked(_mm_set1_epi8(*at))) return true;
  }
  return false;
}

}  // namespace bulkhead
#endif
