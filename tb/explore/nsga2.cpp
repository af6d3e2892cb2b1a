#include "tb/explore/nsga2.h"

#include <algorithm>
#include <memory>
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>
#include <unordered_map>
#include <unordered_set>

namespace heatvit::explore {
namespace {

constexpr double kInfeasible = 1e12;  // beyond every objective of a feasible point
constexpr int kMostIdleGenerations = 50;

/// What the individuals of all generations turned out to be.
class Memory {
 public:
  Memory(const SweepSpec& spec, const EvaluateBatch& evaluate) : spec_(spec), evaluate_(evaluate) {}

  uint64_t number_of(const double* genes) const {
    std::vector<size_t> indices;
    for (size_t a = 0; a < spec_.space.axes().size(); ++a) indices.push_back(static_cast<size_t>(genes[a]));
    return spec_.space.number(indices);
  }

  size_t known() const { return objectives_.size(); }
  bool exhausted() const { return known() >= std::min<uint64_t>(spec_.samples, spec_.space.size()); }

  /// Evaluates the new ones among them as far as the budget goes.
  void learn(const std::vector<uint64_t>& numbers) {
    std::vector<uint64_t> fresh;
    std::unordered_set<uint64_t> seen;
    for (const uint64_t number : numbers) {
      if (objectives_.count(number) == 0 && known() + fresh.size() < spec_.samples && seen.insert(number).second)
        fresh.push_back(number);
    }
    if (fresh.empty()) return;
    for (const PointResult& result : evaluate_(fresh)) objectives_[result.number] = objectives_of(result);
  }

  std::vector<double> objectives(uint64_t number) const {
    const auto found = objectives_.find(number);
    if (found != objectives_.end()) return found->second;
    return std::vector<double>(spec_.objectives.size(), 2 * kInfeasible);  // beyond the budget
  }

 private:
  std::vector<double> objectives_of(const PointResult& result) const {
    std::vector<double> values;
    for (const std::string& name : spec_.objectives) {
      const auto metric = result.metrics.find(name);
      values.push_back(metric == result.metrics.end() ? kInfeasible : metric->second);
    }
    if (result.state == PointState::kDone) return values;
    double excess = 1;
    for (const auto& [name, most] : spec_.limits) {
      const auto metric = result.metrics.find(name);
      if (metric != result.metrics.end()) excess += std::max(0.0, metric->second / most - 1);
    }
    return std::vector<double>(values.size(), kInfeasible * (2 - 1 / excess));
  }

  const SweepSpec& spec_;
  const EvaluateBatch& evaluate_;
  std::unordered_map<uint64_t, std::vector<double>> objectives_;
};

/// The problem as pagmo wants it: copies share the memory.
struct SweepProblem {
  std::shared_ptr<Memory> memory;
  std::vector<double> upper;  // the last index on each axis
  size_t objectives = 1;

  pagmo::vector_double fitness(const pagmo::vector_double& genes) const {
    const uint64_t number = memory->number_of(genes.data());
    memory->learn({number});
    return memory->objectives(number);
  }

  pagmo::vector_double batch_fitness(const pagmo::vector_double& all) const {
    std::vector<uint64_t> numbers;
    for (size_t at = 0; at < all.size(); at += upper.size()) numbers.push_back(memory->number_of(all.data() + at));
    memory->learn(numbers);
    pagmo::vector_double result;
    for (const uint64_t number : numbers) {
      const std::vector<double> values = memory->objectives(number);
      result.insert(result.end(), values.begin(), values.end());
    }
    return result;
  }

  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
    return {pagmo::vector_double(upper.size(), 0.0), upper};
  }
  pagmo::vector_double::size_type get_nobj() const { return objectives; }
  pagmo::vector_double::size_type get_nix() const { return upper.size(); }
};

pagmo::population first_generation(const SweepSpec& spec, uint32_t seed, const SweepProblem& problem) {
  const auto size = static_cast<size_t>(spec.population);
  std::vector<uint64_t> numbers = latin_plan(spec.space, size, seed);
  for (const uint64_t more : random_plan(spec.space, size, seed)) numbers.push_back(more);  // for strata that coincide
  for (size_t i = 0; numbers.size() < size; ++i) numbers.push_back(numbers[i]);             // spaces below a population
  numbers.resize(size);
  problem.memory->learn(numbers);
  pagmo::population population(pagmo::problem(problem), 0U, seed);
  for (const uint64_t number : numbers) {
    const std::vector<size_t> indices = spec.space.indices(number);
    population.push_back(pagmo::vector_double(indices.begin(), indices.end()), problem.memory->objectives(number));
  }
  return population;
}

}  // namespace

void search_nsga2(const SweepSpec& spec, uint32_t seed, const EvaluateBatch& evaluate) {
  SweepProblem problem{std::make_shared<Memory>(spec, evaluate), {}, spec.objectives.size()};
  for (const Axis& axis : spec.space.axes()) problem.upper.push_back(static_cast<double>(axis.values.size() - 1));
  pagmo::population population = first_generation(spec, seed, problem);
  constexpr double kCrossover = 0.95, kCrossoverIndex = 10, kMutationIndex = 20;
  // One gene of an individual mutates on average.
  const double mutation = std::max(0.05, 1.0 / static_cast<double>(problem.upper.size()));
  pagmo::nsga2 method(1U, kCrossover, kCrossoverIndex, std::min(1.0, mutation), kMutationIndex, seed);
  method.set_bfe(pagmo::bfe(pagmo::member_bfe{}));
  pagmo::algorithm algorithm(method);
  for (int idle = 0; idle < kMostIdleGenerations && !problem.memory->exhausted();) {
    const size_t before = problem.memory->known();
    population = algorithm.evolve(population);
    idle = problem.memory->known() == before ? idle + 1 : 0;
  }
}

}  // namespace heatvit::explore
