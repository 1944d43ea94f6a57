// A small cluster for tests of placement.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "json/yaml.hpp"
#include "rules/placement.hpp"

namespace godwit::rules {

inline json::Value yaml(const std::string& text) { return json::parse_yaml(text).value(); }

inline json::Value node(const std::string& name, const std::string& memory = "4Gi") {
  return yaml(
      "{metadata: {name: " + name + ", labels: {kubernetes.io/hostname: " + name +
      ", disk: ssd, kubernetes.io/arch: amd64, "
      "kubevirt.io/schedulable: 'true', godwit.io/accelerator: tcg}}, status: {allocatable: {cpu: '4', memory: " +
      memory + ", pods: '10'}, conditions: [{type: Ready, status: 'True'}]}}");
}
inline json::Value pod(const std::string& name, const std::string& memory, const std::string& on = "") {
  auto made = yaml(
      "{metadata: {namespace: ns, labels: {app: x}}, spec: {containers: [{name: c, resources: {requests: {cpu: 100m, "
      "memory: " +
      memory + "}}}]}}");
  json::set(made, "/metadata/name", json::Value(name));
  json::set(made, "/metadata/uid", json::Value(name));
  if (!on.empty()) json::set(made, "/spec/nodeName", json::Value(on));
  return made;
}

class PlacementTest : public testing::Test {
 protected:
  Placement place_now() {
    ClusterView view;
    for (const auto& each : nodes) view.nodes.push_back(&each);
    for (const auto& each : pods) view.pods.push_back(&each);
    for (const auto& each : namespaces) view.namespaces.push_back(&each);
    for (const auto& each : claims) view.claims.push_back(&each);
    for (const auto& each : volumes) view.volumes.push_back(&each);
    view.assumed = assumed;
    return place(wanted, view);
  }
  std::vector<json::Value> nodes{node("a"), node("b"), node("c")};
  std::vector<json::Value> pods;
  std::vector<json::Value> namespaces;
  std::vector<json::Value> claims;
  std::vector<json::Value> volumes;
  std::map<std::string, std::string> assumed;
  json::Value wanted = pod("p", "1Gi");
};

}  // namespace godwit::rules
