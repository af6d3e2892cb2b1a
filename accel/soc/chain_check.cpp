#include "accel/soc/chain_check.h"

#include <cstdint>
#include <stdexcept>
#include <string>

#include "accel/modules/chain_walk.h"
#include "accel/modules/operation.h"
#include "accel/modules/plan.h"
#include "accel/soc/list_check.h"

namespace heatvit::soc {
namespace {

using isa::Command;
using modules::Walk;

class ChainCheck {
 public:
  ChainCheck(const SocConfig& config, const isa::Program& program, const std::vector<size_t>& chain)
      : config_(config), program_(program), chain_(chain) {}

  /// As the units walk it: a load in a turn finds what it waits for among the stores of the turns before, or never.
  void run(int tokens) const {
    const std::vector<modules::Job> jobs = jobs_of_chain(tokens);
    for (const modules::Job& job : jobs)
      if (job.m < 1 || job.n < 1 || job.k < (modules::operation_of(job.command).walk == Walk::kTiles ? 1 : 0)) return;
    try {
      modules::expect_chain(jobs.front());
    } catch (const std::runtime_error& error) {
      throw ListError(chain_.front(), std::string(error.what()) + ", with " + std::to_string(tokens) + " tokens");
    }
    ChainState state{jobs, modules::ChainWalk(jobs.front()), std::vector<uint32_t>(jobs.size(), 0)};
    while (modules::ChainWalk::Member* turn = state.walk.next())
      state.stored[turn->place] += turn->tiles ? stores_of(*turn, state) : 1;
  }

 private:
  std::vector<modules::Job> jobs_of_chain(int tokens) const {
    std::vector<modules::Job> jobs;
    for (const size_t index : chain_) {
      jobs.push_back(modules::resolve(program_.commands[index], tokens, tokens));
      jobs.back().index = static_cast<uint32_t>(index);
      jobs.back().chain_first = static_cast<uint32_t>(chain_.front());
    }
    for (size_t i = 0; i + 1 < jobs.size(); ++i) {
      jobs[i].chained = &jobs[i + 1];
      const bool tiles = modules::operation_of(jobs[i + 1].command).walk == Walk::kTiles;
      jobs[i + 1].lag = jobs[i].lag + (tiles ? config_.control.lag_of(jobs[i + 1].command) : 0);
    }
    return jobs;
  }

  struct ChainState {
    const std::vector<modules::Job>& jobs;
    modules::ChainWalk walk;
    std::vector<uint32_t> stored;
  };

  /// Of a turn of a product, when it has what it waits for.
  uint32_t stores_of(modules::ChainWalk::Member& turn, const ChainState& state) const {
    const modules::Job& job = *turn.job;
    const Command& c = job.command;
    uint32_t stores = 0;
    for (modules::Tile tile; turn.tiles->next(tile);) {
      if (tile.a_new) await(turn, c.wait_a, c.a_behind, modules::plan_operand_a(job, tile).train, state);
      if (tile.b_new) await(turn, c.wait_b, c.b_behind, modules::plan_operand_b(job, tile).train, state);
      if (tile.out_last && c.residual) await(turn, c.wait_a, false, modules::plan_residual(job, tile).train, state);
      stores += tile.out_last ? 1 : 0;
      if (tile.row_last) break;
    }
    return stores;
  }

  void await(const modules::ChainWalk::Member& turn, isa::Dependency wait, bool behind,
             const modules::BurstTrain& block, const ChainState& state) const {
    if (wait == 0 || wait - 1U < chain_.front()) return;
    const size_t place = wait - 1U - chain_.front();
    const Command& producer = state.jobs[place].command;
    if (producer.c_behind != behind)
      throw ListError(chain_[turn.place],
                      "waits within its chain for rows that lie behind other images' rows than its own");
    const bool complete = state.walk.member(place).last() && place < turn.place;
    if (complete || state.stored[place] >= modules::stores_needed(state.jobs[place], block)) return;
    throw ListError(chain_[turn.place], "waits within its chain for what command " + std::to_string(wait - 1) +
                                            " stores later, with " + std::to_string(state.jobs[place].tokens) +
                                            " tokens: it would wait for ever");
  }

  const SocConfig& config_;
  const isa::Program& program_;
  const std::vector<size_t>& chain_;
};

}  // namespace

void check_chain(const SocConfig& config, const isa::Program& program, const std::vector<size_t>& chain, int tokens) {
  ChainCheck(config, program, chain).run(tokens);
}

}  // namespace heatvit::soc
