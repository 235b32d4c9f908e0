// What the actors of a round do: some primitives, the ways to use them, and what has to be true.
#pragma once

#include <memory>
#include <span>

#include "actor.hpp"

namespace stress {

/// The handler of a select whose case is all that matters.
inline constexpr auto nothing = [] {};

class scene {
 public:
  scene() = default;
  scene(scene const&) = delete;
  scene& operator=(scene const&) = delete;
  virtual ~scene() = default;

  /// The part of the actor with that number, from 0 on. All actors of the scene play at once. Each
  /// wait that is not bounded comes to its end whatever part of their play the others have reached.
  virtual void play(actor& self, unsigned number) = 0;

  /// What must hold when all have played.
  virtual void check_result() = 0;
};

struct scene_kind {
  char const* name;
  std::unique_ptr<scene> (*make)(dice& random, unsigned actors);
};

template <class Scene>
std::unique_ptr<scene> make_scene(dice& random, unsigned actors) {
  return std::make_unique<Scene>(random, actors);
}

std::span<scene_kind const> lock_scenes() noexcept;
std::span<scene_kind const> condition_scenes() noexcept;
std::span<scene_kind const> token_scenes() noexcept;
std::span<scene_kind const> meeting_scenes() noexcept;
std::span<scene_kind const> future_scenes() noexcept;
std::span<scene_kind const> channel_scenes() noexcept;

}  // namespace stress
