// Children that stay and answer (tb/explore/process_pool.h).
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <thread>

#include "accel/isa/errors.h"
#include "tb/explore/process_pool.h"

namespace heatvit::explore {
namespace {

Answer counting() {
  return [calls = 0](const std::string& request) mutable {
    if (request == "input") throw InputError("not allowed");
    if (request == "fail") throw std::runtime_error("broken");
    if (request == "die") _exit(7);
    if (request == "ask") return "told " + ask_parent("who?");
    if (request == "sleep") sleep(60);
    return request + " " + std::to_string(++calls);
  };
}

std::string said(Server& server, const std::string& request) {
  server.ask(request);
  return server.answer();
}

TEST(Server, KeepsItsState) {
  Server server(counting);
  EXPECT_EQ(said(server, "a"), "a 1");
  EXPECT_EQ(said(server, std::string(1 << 20, 'b')), std::string(1 << 20, 'b') + " 2");
  EXPECT_TRUE(server.alive());
}

TEST(Server, GoesOnAfterAnInputErrorAndEndsAfterOthers) {
  Server server(counting);
  EXPECT_THROW(said(server, "input"), InputError);
  EXPECT_EQ(said(server, "a"), "a 1");
  EXPECT_THROW(said(server, "fail"), std::runtime_error);
  EXPECT_FALSE(server.alive());
  Server other(counting);
  try {
    said(other, "die");
    ADD_FAILURE() << "it died";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the worker process ended with code 7");
  }
  EXPECT_FALSE(other.alive());
}

TEST(Server, AnErrorWhileItIsMadeIsTheFirstAnswer) {
  Server server([]() -> Answer { throw InputError("no such design"); });
  EXPECT_THROW(said(server, "a"), InputError);
  EXPECT_FALSE(server.alive());
}

TEST(Server, AsksBack) {
  Server server(counting);
  server.ask("ask");
  EXPECT_EQ(server.answer({}, [](const std::string& question) { return question + " me"; }), "told who? me");
  EXPECT_EQ(said(server, "a"), "a 1");
}

TEST(Server, AWaitCanBeEnded) {
  Server server(counting);
  server.ask("sleep");
  int waited = 0;
  EXPECT_THROW(server.answer([&] {
    if (++waited == 3) throw std::logic_error("enough");
  }),
               std::logic_error);
}

TEST(Server, OfAThreadThatEndsGoesOn) {
  std::unique_ptr<Server> server;
  std::thread([&] { server = std::make_unique<Server>(counting); }).join();
  EXPECT_EQ(said(*server, "a"), "a 1");
}

TEST(Servers, ShareRequests) {
  std::vector<std::unique_ptr<Server>> servers;
  for (int i = 0; i < 3; ++i)
    servers.push_back(
        std::make_unique<Server>([] { return [](const std::string& request) { return request + "!"; }; }));
  std::vector<std::string> answers(20);
  ask_all(
      servers, answers.size(), [](size_t i) { return std::to_string(i); },
      [&](size_t i, const std::string& answer) { answers[i] = answer; });
  for (size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i], std::to_string(i) + "!");
}

}  // namespace
}  // namespace heatvit::explore
