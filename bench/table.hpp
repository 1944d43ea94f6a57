// Figures of repeated runs as a table: medians, with the least and the most.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace godwit::bench {

struct Series {
  std::vector<double> values;
  void add(double value) { values.push_back(value); }
  [[nodiscard]] double median() const;
  /// "123 [110-150]"
  [[nodiscard]] std::string describe() const;
};

/// One way of moving the guest, with what was measured of it.
struct Row {
  std::string name;
  Series total_ms;
  Series downtime_ms;
  Series client_gap_ms;
  Series megabytes;
  Series commit_ms;  ///< empty where there is no commit
};

/// Markdown.
[[nodiscard]] std::string table_of(const std::string& title, const std::vector<Row>& rows);

}  // namespace godwit::bench
