// The records that rude_peer.cpp sends and that the server of rude_peers_test.cpp acknowledges.
// Both know from a seed what is in them, so every byte is compared, both ways.
//   peer to server: the peer's number, 4 bytes; then records: a record_head and a payload
//   server to peer: acknowledgements: an acknowledgement_head and a block as large as was asked for
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

namespace ramie::test::rude {

/// What both sides know of a peer's records.
struct script {
  std::uint32_t peer = 0;
  std::uint64_t seed = 0;
  std::uint32_t largest_payload = 0;
  std::uint32_t largest_block = 0;
};

struct record_head {
  std::uint32_t peer;
  std::uint32_t sequence;
  std::uint32_t block_size;
  std::uint32_t payload_size;
};

struct acknowledgement_head {
  std::uint32_t sequence;
  std::uint32_t block_size;
};

template <class Head>
Head head_of(std::string_view bytes) {
  Head head;
  std::memcpy(&head, bytes.data(), sizeof head);
  return head;
}

template <class Head>
std::string bytes_of(Head const& head) {
  std::string bytes(sizeof head, '\0');
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

inline std::uint32_t below(std::mt19937_64& random, std::uint64_t bound) {
  return static_cast<std::uint32_t>(random() % bound);
}

inline std::string drawn(std::mt19937_64& random, std::uint32_t size) {
  std::string bytes(size, '\0');
  for (char& each : bytes) each = static_cast<char>(random());
  return bytes;
}

/// The whole record, its head included.
inline std::string record(script const& of, std::uint32_t sequence) {
  std::mt19937_64 random(of.seed + 2 * std::uint64_t{sequence});
  record_head const head{of.peer, sequence, below(random, of.largest_block + std::uint64_t{1}),
                         below(random, of.largest_payload + std::uint64_t{1})};
  return bytes_of(head) + drawn(random, head.payload_size);
}

/// What answers it.
inline std::string acknowledgement(script const& of, std::uint32_t sequence,
                                   std::uint32_t block_size) {
  std::mt19937_64 random(of.seed + 2 * std::uint64_t{sequence} + 1);
  return bytes_of(acknowledgement_head{sequence, block_size}) + drawn(random, block_size);
}

}  // namespace ramie::test::rude
