// The yardstick: the same guest between two bare QEMU processes in the same two network namespaces, steered by nothing
// but a few QMP commands.
#pragma once

#include <string>

#include "bare_qemu.hpp"
#include "local/cluster.hpp"

namespace godwit::bench {

struct BareFigures {
  double total_ms = 0;  ///< from the start of the destination's process until the guest runs there
  double downtime_ms = 0;
  double bytes = 0;
};

/// A guest on a network of its own: a bridge on this machine with a leg in both namespaces. Destruction removes all of
/// it.
class BarePair {
 public:
  /// `image` is used as it is; `directory` takes sockets and logs and must have a short path.
  [[nodiscard]] static Result<std::unique_ptr<BarePair>> create(const local::Cluster& cluster,
                                                                const std::filesystem::path& directory,
                                                                const std::filesystem::path& image,
                                                                std::int64_t memory_mib);
  ~BarePair();
  BarePair(const BarePair&) = delete;
  BarePair& operator=(const BarePair&) = delete;

  /// Moves the guest to the other namespace.
  [[nodiscard]] Result<BareFigures> migrate(bool tls);
  [[nodiscard]] std::string address() const { return cluster_.underlay_prefix + "200"; }

 private:
  BarePair(const local::Cluster& cluster, std::filesystem::path directory, std::filesystem::path image,
           std::int64_t memory_mib);
  [[nodiscard]] Result<> make_network();
  [[nodiscard]] std::filesystem::path pki_of(std::size_t side) const;
  [[nodiscard]] std::string link_of(std::size_t side) const;  ///< the underlay bridge's end
  [[nodiscard]] Result<> make_certificates();
  [[nodiscard]] Result<> configure_guest();
  [[nodiscard]] Result<std::unique_ptr<BareQemu>> start(bool incoming);
  [[nodiscard]] Result<> prepare(BareQemu& qemu, bool tls, bool is_target) const;

  const local::Cluster& cluster_;
  std::filesystem::path directory_;
  std::filesystem::path image_;
  std::int64_t memory_mib_;
  int generation_ = 0;  ///< even: runs on the first node
  std::unique_ptr<BareQemu> guest_;
};

}  // namespace godwit::bench
