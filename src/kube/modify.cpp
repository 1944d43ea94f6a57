#include "kube/modify.hpp"

#include "json/patch.hpp"

namespace godwit::kube {
namespace {

constexpr int most_tries = 50;

}  // namespace

Result<json::Value> modify(const Client& client, const Resource& resource, const Key& key,
                           const std::function<Result<>(json::Value&)>& change, std::string_view subresource) {
  Error last{Code::conflict, key.text() + ": somebody else was always faster"};
  for (int i = 0; i < most_tries; ++i) {
    auto before = client.get(resource, key);
    if (!before) return before;
    json::Value after = *before;
    if (auto changed = change(after); !changed) return fail(changed.error());
    const json::Value difference = json::diff(*before, after);
    if (difference.as_array().empty()) return before;
    json::Array operations{json::Object{{"op", "test"},
                                        {"path", "/metadata/resourceVersion"},
                                        {"value", json::string_at(*before, "/metadata/resourceVersion")}}};
    for (const json::Value& operation : difference.as_array()) operations.push_back(operation);
    auto written = client.patch(resource, key, PatchType::json, operations, subresource);
    if (written) return written;
    if (written.error().code != Code::conflict && written.error().code != Code::invalid) return written;
    last = written.error();
  }
  return fail(last);
}

}  // namespace godwit::kube
